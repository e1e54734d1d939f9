import EPASArray
import EPASGraph
import EPASModel
import EPASRuntime
import EPASTesting
import Foundation
import Testing

/// A region of layers that have the same probabilities: outputs and all gradients, by kernels or by
/// the derivative of their plain forms.
///
/// Dimensions: B batch, T tokens, N query heads, K key heads, H head, L layers.
struct AttentionRegion: Sendable, CustomTestStringConvertible {
    let (b, t, n, k, h, layers): (Int, Int, Int, Int, Int, Int)
    let keepsProbabilities: Bool

    init(
        _ b: Int, _ t: Int, heads n: Int, _ k: Int, _ h: Int, layers: Int, keeps: Bool = false
    ) {
        (self.b, self.t, self.n, self.k, self.h) = (b, t, n, k, h)
        self.layers = layers
        keepsProbabilities = keeps
    }

    var testDescription: String {
        "[\(b) \(t) \(n)/\(k) \(h)], \(layers) layers" + (keepsProbabilities ? ", kept" : "")
    }

    /// Queries, keys, then each layer's values and the gradient of its output.
    func inputs(seed: UInt64, type: ElementType) -> [HostArray] {
        var random = RandomArrays(seed: seed)
        let (queries, keys) = ([b, t, n, h], [b, t, k, h])
        return [
            random.array(queries, in: -2..<2, as: type), random.array(keys, in: -2..<2, as: type),
        ]
            + (0..<layers).flatMap { _ in
                [random.array(keys, as: type), random.array(queries, as: type)]
            }
    }

    /// Each layer's output, then the gradients of queries, keys and each layer's values.
    func run(_ inputs: [HostArray], kernels: Set<String>) throws -> [HostArray] {
        let graph = Graph(kernels: kernels)
        let all = inputs.enumerated().map { graph.parameter("x\($0.offset)", $0.element.shape) }
        let (query, key) = (all[0], all[1])
        let values = (0..<layers).map { all[2 + 2 * $0] }
        let first = graph.apply(
            AttentionKernel(keepsProbabilities: keepsProbabilities), [query, key, values[0]])
        let shared = SharedProbabilities(heads: n, areKept: keepsProbabilities)
        let operands = keepsProbabilities ? [first[2]] : [query, key, first[1]]
        let outputs =
            [first[0]]
            + values.dropFirst().map {
                graph.apply(SharedAttentionKernel(shared), operands + [$0])[0]
            }
        let cotangents = outputs.enumerated().map { ($0.element, all[3 + 2 * $0.offset]) }
        let found = gradients(of: cotangents, withRespectTo: [query, key] + values)
        return try evaluate(outputs + found.compactMap { $0 }, inputs)
    }

    /// The function with kernels against the plain form in float32, by norms, of bfloat16 numbers
    /// in both types.
    ///
    /// - Returns: What is farther off than its bound, or nothing.
    func check(kernels: Set<String>) throws -> [String] {
        let inputs = inputs(seed: 11, type: .bfloat16)
        let wide = inputs.map { $0.converted(to: .float32) }
        let expected = try run(wide, kernels: [])
        var problems: [String] = []
        // float32: sums of up to 255 products and 150 tokens in another order. bfloat16:
        // probabilities, outputs, derivatives and results are rounded by up to 2⁻⁹ each.
        for (given, bound) in [(wide, 1e-5), (inputs, 0x1p-7)] {
            let actual = try run(given, kernels: kernels)
            if actual.count != expected.count { problems.append("\(actual.count) results") }
            for (index, pair) in zip(actual, expected).enumerated() {
                let (a, e) = (pair.0.doubles(), pair.1.doubles())
                let difference = zip(a, e).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
                let norm = e.reduce(0) { $0 + $1 * $1 }
                // A single token's probability is 1: queries and keys have no influence.
                let error = (difference / (norm == 0 ? 1 : norm)).squareRoot()
                if !(error <= bound) {
                    problems.append("\(self): result \(index) is off by \(error)")
                }
            }
        }
        return problems
    }

    static let all: [AttentionRegion] = [false, true].flatMap { keeps in
        [
            AttentionRegion(1, 1, heads: 1, 1, 1, layers: 1, keeps: keeps),
            AttentionRegion(2, 3, heads: 4, 2, 5, layers: 2, keeps: keeps),
            AttentionRegion(1, 64, heads: 2, 2, 16, layers: 3, keeps: keeps),
            AttentionRegion(2, 65, heads: 6, 2, 33, layers: 1, keeps: keeps),
            AttentionRegion(1, 150, heads: 2, 1, 64, layers: 2, keeps: keeps),
            AttentionRegion(1, 17, heads: 1, 1, 128, layers: 7, keeps: keeps),
            AttentionRegion(1, 9, heads: 2, 2, 255, layers: 1, keeps: keeps),
        ]
    }
}

@Suite("Attention of training")
struct TrainingAttentionTests {
    let kernels: Set<String>

    init() throws { kernels = try TestClient.shared.kernels }

    @Test("functions against plain forms", arguments: AttentionRegion.all)
    func functions(region: AttentionRegion) throws {
        #expect(try region.check(kernels: kernels) == [])
    }

    /// Everything but the backward kernels' own plain forms is then differentiated as it is.
    @Test(
        "the backward kernels' plain forms against the derivative of the forward ones",
        arguments: AttentionRegion.all.filter { $0.t < 64 })
    func backwardForms(region: AttentionRegion) throws {
        let inputs = region.inputs(seed: 3, type: .float32)
        let expected = try region.run(inputs, kernels: [])
        let outputs = Array(expected.prefix(region.layers))
        let graph = Graph()
        let all = inputs.enumerated().map { graph.parameter("x\($0.offset)", $0.element.shape) }
        let mixed = outputs.enumerated().map {
            graph.parameter("y\($0.offset)", $0.element.shape)
        }
        let first = graph.apply(
            AttentionKernel(keepsProbabilities: region.keepsProbabilities), Array(all.prefix(3)))
        let layers = (0..<region.layers).flatMap { layer -> [Tensor] in
            [all[2 + 2 * layer], mixed[layer], all[3 + 2 * layer]]
        }
        let source: [Tensor] = [all[0], all[1]] + Array(first.dropFirst())
        let results = graph.apply(
            AttentionGradientKernel(keepsProbabilities: region.keepsProbabilities),
            source + layers)
        let shared = SharedProbabilities(heads: region.n, areKept: region.keepsProbabilities)
        let operands = region.keepsProbabilities ? [first[2]] : [all[0], all[1], first[1]]
        let rest = (1..<region.layers).map { layer in
            graph.apply(
                SharedAttentionGradientKernel(shared, keyValueHeads: region.k),
                operands + [all[3 + 2 * layer]])[0]
        }
        let actual = try evaluate(results + rest, inputs + outputs)
        for (a, e) in zip(actual, expected.dropFirst(region.layers)) {
            expectClose(a, e, relative: 1e-4, absolute: 2e-6, "\(region)")
        }
    }

    /// A set that the processor lacks is not used in its place, but the best that it has.
    @Test("other instruction sets", arguments: ["avx512", "avx2", "plain"])
    func instructionSets(set: String) async {
        await #expect(processExitsWith: .success) { [set = set as String] in
            setenv("EPAS_CPU_ISA", set, 1)
            let kernels = try TestClient.shared.kernels
            for region in AttentionRegion.all where region.t > 60 && region.layers < 3 {
                #expect(try region.check(kernels: kernels) == [])
            }
        }
    }

    @Test("bits do not change from call to call")
    func repeats() throws {
        let region = AttentionRegion(2, 130, heads: 4, 2, 32, layers: 3, keeps: true)
        let inputs = region.inputs(seed: 5, type: .bfloat16)
        let runs = try (0..<3).map { _ in
            try region.run(inputs, kernels: kernels).map { $0.withUnsafeBytes { Array($0) } }
        }
        #expect(runs[1] == runs[0])
        #expect(runs[2] == runs[0])
    }

    @Test("what is not a number stays so", arguments: 0..<3)
    func notANumber(operand: Int) throws {
        let region = AttentionRegion(1, 70, heads: 1, 1, 8, layers: 1)
        var inputs = region.inputs(seed: 5, type: .float32)
        var values = inputs[operand].elements(as: Float.self)
        values[8 * 66] = .nan
        inputs[operand] = HostArray(values, inputs[operand].shape.dimensions)
        let results = try region.run(inputs, kernels: kernels)
        let rows = results[0].elements(as: Float.self)
        // Token 66 itself and those that see its key. Its value is multiplied with zeros in the
        // square that it is in, and in the plain form everywhere.
        let clean = 8 * (operand == 2 ? 64 : 66)
        #expect(rows[..<clean].filter(\.isFinite).count == clean)
        #expect(rows[8 * 66].isNaN)
        #expect(rows[8 * 67].isNaN == (operand != 0))
        #expect(results[1].elements(as: Float.self)[8 * 66].isNaN)
    }

    @Test("operands that do not fit are refused", arguments: refusals)
    func refused(refusal: KernelRefusal) { refusal.check() }

    static let refusals: [KernelRefusal] = {
        let query = Shape(.float32, [2, 5, 4, 8])
        let key = Shape(.float32, [2, 5, 2, 8])
        let sums = Shape(.float32, [2, 4, 5, 2])
        let kept = Shape(.float32, [2, 4, 64 * 64])
        let other = Shape(.float32, [2, 5, 3, 8])
        let attention = AttentionKernel(keepsProbabilities: false)
        let gradient = AttentionGradientKernel(keepsProbabilities: true)
        let shared = SharedAttentionKernel(SharedProbabilities(heads: 4, areKept: true))
        let anew = SharedAttentionGradientKernel(
            SharedProbabilities(heads: 4, areKept: false), keyValueHeads: 2)
        return [
            KernelRefusal(
                kernel: attention, operands: [query, key], text: "queries [B, T, N, H], keys"),
            KernelRefusal(
                kernel: attention, operands: [query, other, other], text: "a multiple of K"),
            KernelRefusal(
                kernel: attention, operands: [query, key, key.with(.bfloat16)],
                text: "float32 or bfloat16"),
            KernelRefusal(
                kernel: attention,
                operands: [query, key, key].map { $0.with(.float64) },
                text: "float32 or bfloat16"),
            KernelRefusal(
                kernel: gradient, operands: [query, key, sums, kept],
                text: "for at least one layer"),
            KernelRefusal(
                kernel: gradient, operands: [query, key, sums, sums, key, query, query],
                text: "kept probabilities"),
            KernelRefusal(
                kernel: gradient, operands: [query, key, sums, kept, key, query, key],
                text: "an output and its gradient"),
            KernelRefusal(kernel: shared, operands: [sums, key], text: "kept probabilities of 4"),
            KernelRefusal(kernel: shared, operands: [kept, other], text: "and values"),
            KernelRefusal(
                kernel: anew, operands: [query, key, kept, query], text: "log-sum-exps [B, 4"),
            KernelRefusal(kernel: anew, operands: [query], text: "the gradient of the outputs"),
        ]
    }()
}
