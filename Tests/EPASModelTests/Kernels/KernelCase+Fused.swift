// Calls of the kernels that do several things at once. What is rounded to the type between them is
// rounded here, too.
//
// Dimensions: M rows, D model, N query heads, K key heads, H head, F feed-forward width, P planes, U
// tokens per block.

import EPASArray
import EPASModel
import EPASTesting
import Foundation

extension KernelCases {
    static let epsilon = 1e-5

    /// As an element of the type is rounded.
    private func rounded(_ values: [Double]) -> [Double] {
        HostArray(values, [values.count]).converted(to: type).doubles()
    }

    /// A projection: the numbers of its weight [out, D] and perhaps its bias, and its operands.
    private struct Projection {
        let weight: HostArray
        let bias: HostArray?
        let operands: [HostArray]
    }

    private mutating func projection(
        _ out: Int, _ d: Int, hasBiases: Bool, integers: Bool
    ) -> Projection {
        let (numbers, operands) = weight([out, d], in: -0.5..<0.5, integers: integers)
        let bias = hasBiases ? random.array([out], as: .float32) : nil
        return Projection(
            weight: numbers, bias: bias, operands: operands + [bias].compactMap(\.self))
    }

    /// The projected rows, rounded.
    private func projected(_ z: [Double], by projection: Projection) -> [Double] {
        let shape = projection.weight.shape
        let (out, d) = (shape.dimensions[0], shape.dimensions[1])
        let weights = projection.weight.doubles()
        let biases = projection.bias?.doubles()
        var sums: [Double] = []
        for row in stride(from: 0, to: z.count, by: d) {
            for o in 0..<out {
                var sum = biases?[o] ?? 0
                for i in 0..<d { sum += z[row + i] * weights[o * d + i] }
                sums.append(sum)
            }
        }
        return rounded(sums)
    }

    mutating func gatedLinear(
        _ m: Int, _ d: Int, _ f: Int, hasBiases: Bool, integers: Bool = false
    ) -> KernelCase {
        let x = random.array([m, d], in: -3..<3, as: type)
        let norm = random.array([d], as: .float32)
        let gate = projection(f, d, hasBiases: hasBiases, integers: integers)
        let up = projection(f, d, hasBiases: hasBiases, integers: integers)
        let z = rounded(normed(x, norm, epsilon: Self.epsilon))
        let expected = zip(projected(z, by: gate), projected(z, by: up)).map { gate, up in
            gate / (1 + exp(-gate)) * up
        }
        return KernelCase(
            kernel: GatedLinearKernel(epsilon: Self.epsilon, hasBiases: hasBiases),
            inputs: [x, norm] + gate.operands + up.operands,
            expected: [HostArray(expected, [m, f])])
    }

    struct InputsSize: Sendable {
        var m: Int
        var d: Int
        var n: Int
        var k: Int
        var h: Int
        /// At least twice the rows divided by the tokens in a block.
        var blocks: Int
        var u: Int
    }

    /// Rows go to different places in random order, every third one nowhere.
    mutating func attentionInputs(
        _ size: InputsSize, query: Bool = true, key: Bool = true, value: Bool = true,
        hasBiases: Bool = false, integers: Bool = false
    ) -> KernelCase {
        let (m, d, n, k, h) = (size.m, size.d, size.n, size.k, size.h)
        let (blocks, u, positions) = (size.blocks, size.u, 9)
        let x = random.array([m, d], in: -3..<3, as: type)
        let norm = random.array([d], as: .float32)
        let cosines = random.array([positions, h / 2], as: .float32)
        let sines = random.array([positions, h / 2], as: .float32)
        let pool = random.array([blocks, k, u * h], as: type)
        // Keys take blocks of even number, values the ones behind them; the offset is common.
        var places = (0..<blocks * u).filter { $0 / u % 2 == 0 && $0 / u + 1 < blocks }
        for i in places.indices.reversed() {
            places.swapAt(i, Int(random.next() % UInt64(i + 1)))
        }
        let position = (0..<m).map {
            $0 % 3 == 2 ? Int32(-1) : Int32(random.next() % UInt64(positions))
        }
        let keyBlock = (0..<m).map { $0 % 3 == 2 ? Int32(-1) : Int32(places[$0] / u) }
        let valueBlock = keyBlock.map { $0 < 0 ? -1 : $0 + 1 }
        let offset = (0..<m).map { Int32(places[$0] % u) }

        let (cs, ss) = (cosines.doubles(), sines.doubles())
        func rotated(_ x: [Double]) -> [Double] {
            let width = x.count / m
            return x.indices.map { i in
                let angle = max(0, Int(position[i / width])) * (h / 2) + i % h % (h / 2)
                let other = i % h < h / 2 ? -x[i + h / 2] : x[i - h / 2]
                return x[i] * cs[angle] + other * ss[angle]
            }
        }
        var written = pool.doubles()
        func write(_ x: [Double], _ kind: CachePlane.Kind, _ block: [Int32]) {
            for row in 0..<m where block[row] >= 0 {
                for i in 0..<k * h {
                    let place = cachePlace(
                        kind, Int(block[row]), i / h, Int(offset[row]), i % h, k, h, u)
                    written[place] = x[row * k * h + i]
                }
            }
        }
        let z = rounded(normed(x, norm, epsilon: Self.epsilon))
        var operands: [HostArray] = []
        var expected: [HostArray] = []
        if query {
            let weights = projection(n * h, d, hasBiases: hasBiases, integers: integers)
            operands += weights.operands
            expected.append(HostArray(rotated(projected(z, by: weights)), [m, n, h]))
        }
        if key {
            let weights = projection(k * h, d, hasBiases: hasBiases, integers: integers)
            operands += weights.operands
            write(rotated(projected(z, by: weights)), .key, keyBlock)
        }
        if value {
            let weights = projection(k * h, d, hasBiases: hasBiases, integers: integers)
            operands += weights.operands
            write(projected(z, by: weights), .value, valueBlock)
        }
        let targets = valueBlock + valueBlock.map { _ in Int32.max } + keyBlock
        return KernelCase(
            kernel: AttentionInputsKernel(
                epsilon: Self.epsilon, hasQuery: query, keyPlane: key ? 2 : nil,
                valuePlane: value ? 0 : nil, hasBiases: hasBiases),
            inputs: [
                x, norm, cosines, sines, HostArray(position, [m]), pool,
                HostArray(targets, [3, m]), HostArray(offset, [m]),
            ] + operands,
            expected: expected + [HostArray(written, [blocks, k, u * h])])
    }

    /// What a layer of each kind computes: queries, keys and values, values only, queries only; and
    /// what the last layer that is filled does.
    mutating func attentionInputs(
        _ size: InputsSize, hasBiases: Bool = false, integers: Bool = false
    ) -> [KernelCase] {
        [
            attentionInputs(size, hasBiases: hasBiases, integers: integers),
            attentionInputs(
                size, query: false, key: false, hasBiases: hasBiases, integers: integers),
            attentionInputs(
                size, key: false, value: false, hasBiases: hasBiases, integers: integers),
            attentionInputs(size, query: false, hasBiases: hasBiases, integers: integers),
        ]
    }
}
