// Calls of the kernels with random operands, and their results computed here, element by element
// in double precision.
//
// Dimensions: M rows, N query heads, K key heads, G = N/K, H head, S sequences, C blocks per
// sequence, U tokens per block, T = C·U.

import EPASArray
import EPASGraph
import EPASModel
import EPASTesting
import Foundation
import Testing

/// One call of a kernel.
struct KernelCase: CustomTestStringConvertible, Sendable {
    let kernel: any Kernel
    let inputs: [HostArray]
    let expected: [HostArray]
    /// The elements of the first result that the kernel's function promises to write.
    var defined: [Bool]?

    /// What a bfloat16 result of the fused kernels is off by where a normed number below 2 or a
    /// product below 8 is rounded to its neighbour: 2⁻⁷ times a weight of 0.5, or 2⁻⁵ times a cosine
    /// or what a gate lets through, and the result's own rounding.
    static let roundingBetween = 0x1p-4

    var testDescription: String {
        "\(kernel.target) \(inputs.map(\.shape))"
    }

    /// Runs the kernel; without `kernels`, its plain form.
    func run(kernels: Set<String> = []) throws -> [HostArray] {
        try KernelCase.run(kernel, inputs, kernels: kernels)
    }

    static func run(
        _ kernel: any Kernel, _ inputs: [HostArray], kernels: Set<String> = []
    ) throws -> [HostArray] {
        let graph = Graph(kernels: kernels)
        let operands = inputs.enumerated().map {
            graph.parameter("x\($0.offset)", $0.element.shape)
        }
        return try evaluate(graph.apply(kernel, operands), inputs)
    }

    /// The results with zeros where the function writes nothing.
    func definedPart(_ results: [HostArray]) -> [HostArray] {
        guard let defined else { return results }
        let values = zip(results[0].elements(as: Float.self), defined).map { $1 ? $0 : 0 }
        return [HostArray(values, results[0].shape.dimensions)]
    }
}

/// Makes kernel cases.
struct KernelCases {
    var random: RandomArrays
    let type: ElementType

    init(seed: UInt64, type: ElementType) {
        random = RandomArrays(seed: seed)
        self.type = type
    }

    mutating func rmsNorm(_ m: Int, _ d: Int, of given: ElementType? = nil) -> KernelCase {
        let x = random.array([m, d], in: -3..<3, as: given ?? type)
        let weight = random.array([d], as: .float32)
        let epsilon = 1e-5
        let expected = normed(x, weight, epsilon: epsilon)
        return KernelCase(
            kernel: RMSNormKernel(epsilon: epsilon, resultType: type), inputs: [x, weight],
            expected: [HostArray(expected, [m, d])])
    }

    /// The root mean square norm of the rows x [M, D].
    func normed(_ x: HostArray, _ weight: HostArray, epsilon: Double) -> [Double] {
        let (xs, ws) = (x.doubles(), weight.doubles())
        return stride(from: 0, to: xs.count, by: ws.count).flatMap { start in
            let values = xs[start..<start + ws.count]
            let mean = values.reduce(0) { $0 + $1 * $1 } / Double(ws.count)
            return zip(values, ws).map { $0 / (mean + epsilon).squareRoot() * $1 }
        }
    }

    mutating func linear(
        _ m: Int, in width: Int, out: Int, to result: ElementType, bias: Bool = false,
        residual: Bool = false, integers: Bool = false
    ) -> KernelCase {
        let x = random.array([m, width], as: type)
        let (weight, operands) = weight([out, width], in: -1..<1, integers: integers)
        let biases = bias ? random.array([out], as: .float32) : nil
        let residuals = residual ? random.array([m, out], as: result) : nil
        let (xs, ws) = (x.doubles(), weight.doubles())
        let (bs, rs) = (biases?.doubles(), residuals?.doubles())
        var expected: [Double] = []
        for row in 0..<m {
            for o in 0..<out {
                var sum = (bs?[o] ?? 0) + (rs?[row * out + o] ?? 0)
                for i in 0..<width { sum += xs[row * width + i] * ws[o * width + i] }
                expected.append(sum)
            }
        }
        return KernelCase(
            kernel: LinearKernel(resultType: result),
            inputs: [x] + operands + [biases, residuals].compactMap { $0 },
            expected: [HostArray(expected, [m, out])])
    }

    /// A weight's numbers as they are multiplied, and the operands that stand for them.
    mutating func weight(
        _ dimensions: [Int], in range: Range<Double>, integers: Bool
    ) -> (numbers: HostArray, operands: [HostArray]) {
        let numbers = random.array(dimensions, in: range, as: type)
        guard integers else { return (numbers, [numbers]) }
        do throws(QuantizationError) {
            let matrix = try QuantizedMatrix(numbers)
            return (
                matrix.dequantized.converted(to: type), [matrix.integers, matrix.scales]
            )
        } catch {
            fatalError("\(error)")
        }
    }

    mutating func rotary(_ m: Int, heads n: Int, _ h: Int) -> KernelCase {
        let x = random.array([m, n, h], as: type)
        let cosine = random.array([m, h / 2], as: .float32)
        let sine = random.array([m, h / 2], as: .float32)
        let (xs, cs, ss) = (x.doubles(), cosine.doubles(), sine.doubles())
        var expected = xs
        for row in 0..<m {
            for head in 0..<n {
                for i in 0..<h / 2 {
                    let (a, b) = ((row * n + head) * h + i, (row * n + head) * h + h / 2 + i)
                    let (c, s) = (cs[row * (h / 2) + i], ss[row * (h / 2) + i])
                    expected[a] = xs[a] * c - xs[b] * s
                    expected[b] = xs[b] * c + xs[a] * s
                }
            }
        }
        return KernelCase(
            kernel: RotaryKernel(), inputs: [x, cosine, sine],
            expected: [HostArray(expected, [m, n, h])])
    }

    /// Sequences of random lengths in blocks that lie anywhere, some shared; some rows see
    /// nothing. What a row may not look at is not a number, or a block that does not exist.
    mutating func attention(
        _ m: Int, heads n: Int, keyValueHeads k: Int, _ h: Int, sequences s: Int, columns c: Int,
        tokens u: Int
    ) -> (probabilities: KernelCase, mix: KernelCase) {
        let (blocks, t, g) = (s * c + 1, c * u, n / k)
        let query = random.array([m, n, h], in: -2..<2, as: type)
        let sequence = (0..<m).map { _ in Int32(random.next() % UInt64(s)) }
        let position = (0..<m).map { $0 % 5 == 3 ? -1 : Int32(random.next() % UInt64(t)) }
        let lengths = (0..<s).map { q in
            zip(sequence, position).filter { $0.0 == q }.map { Int($0.1) + 1 }.max() ?? 0
        }
        let table = (0..<s * c).map { entry in
            entry % c * u < lengths[entry / c]
                ? Int32(random.next() % UInt64(blocks)) : Int32.max
        }
        let keys = random.array([blocks, k, u * h], in: -2..<2, as: type)
        let values = random.array([blocks, k, u * h], as: type)

        let (qs, ks, vs) = (query.doubles(), keys.doubles(), values.doubles())
        var probabilities = [Double](repeating: 0, count: m * n * t)
        var defined = [Bool](repeating: false, count: m * n * t)
        var mixed = [Double](repeating: 0, count: m * n * h)
        for row in 0..<m where position[row] >= 0 {
            let seen = Int(position[row]) + 1
            func block(_ token: Int) -> Int { Int(table[Int(sequence[row]) * c + token / u]) }
            for head in 0..<n {
                let scores = (0..<seen).map { token in
                    (0..<h).reduce(0.0) { sum, i in
                        let place = cachePlace(
                            .key, block(token), head / g, token % u, i, k, h, u)
                        return sum + qs[(row * n + head) * h + i] * ks[place]
                    } / Double(h).squareRoot()
                }
                let largest = scores.max()!
                let total = scores.reduce(0) { $0 + exp($1 - largest) }
                for token in 0..<seen {
                    let p = exp(scores[token] - largest) / total
                    probabilities[(row * n + head) * t + token] = p
                    defined[(row * n + head) * t + token] = true
                    for i in 0..<h {
                        let place = cachePlace(
                            .value, block(token), head / g, token % u, i, k, h, u)
                        mixed[(row * n + head) * h + i] += p * vs[place]
                    }
                }
            }
        }
        let expected = HostArray(probabilities, [m, n, t])
        let places = [
            // The second of two planes.
            HostArray(table.map { _ in Int32.min } + table, [2, s, c]), HostArray(sequence, [m]),
            HostArray(position, [m]),
        ]
        let given = zip(expected.converted(to: .float32).elements(as: Float.self), defined)
            .map { $1 ? $0 : .nan }
        return (
            KernelCase(
                kernel: AttentionProbabilitiesKernel(keyValueHeads: k, plane: 1),
                inputs: [query, keys] + places, expected: [expected], defined: defined),
            KernelCase(
                kernel: AttentionMixKernel(plane: 1),
                inputs: [HostArray(given, [m, n, t]), values] + places,
                expected: [HostArray(mixed, [m, n * h])])
        )
    }
}

/// Where a pool keeps number `i` of a token.
func cachePlace(
    _ kind: CachePlane.Kind, _ block: Int, _ head: Int, _ token: Int, _ i: Int, _ k: Int, _ h: Int,
    _ u: Int
) -> Int {
    let inner =
        switch kind {
        case .key: i * u + token
        case .value: token * h + i
        }
    return (block * k + head) * u * h + inner
}
