import EPASArray
import EPASGraph
import EPASModel
import EPASRuntime
import EPASTesting
import Foundation
import Testing

/// Norms, SwiGLU and embeddings of training: functions and plain forms against double precision,
/// and their derivatives.
@Suite struct TrainingRowKernelTests {
    struct Size: Sendable {
        let rows: Int
        let width: Int
    }

    static let sizes = [
        Size(rows: 1, width: 1), Size(rows: 3, width: 15), Size(rows: 2, width: 64),
        Size(rows: 40, width: 77), Size(rows: 300, width: 5),
    ]
    static let types = [ElementType.float32, .bfloat16]

    /// In float32 sums of up to 300 products of magnitude up to 24, of which each rounds by 2⁻²⁴.
    /// Then the result and the expectation are each rounded by half a unit in the last place; in
    /// plain operations the norm of a sum may also be that of the sum before its own rounding.
    static func check(_ size: Size, _ type: ElementType, kernels: Set<String>) throws {
        var cases = KernelCases(seed: 31, type: type)
        let narrow = kernels.isEmpty ? 0x1.8p-7 : 0x1p-7
        for test in cases.trainingRows(size.rows, size.width) {
            for (actual, expected) in zip(try test.run(kernels: kernels), test.expected) {
                let isNarrow = actual.shape.elementType == .bfloat16
                expectClose(
                    actual, expected.converted(to: actual.shape.elementType),
                    relative: isNarrow ? narrow : 1e-5, absolute: 4e-5,
                    "\(test.testDescription) of \(size)")
            }
        }
    }

    @Test(arguments: sizes, types)
    func `the functions compute what they say`(size: Size, type: ElementType) throws {
        try Self.check(size, type, kernels: TestClient.shared.kernels)
    }

    @Test(arguments: sizes.prefix(4), types)
    func `the plain forms compute what they say`(size: Size, type: ElementType) throws {
        try Self.check(size, type, kernels: [])
    }

    /// A set that the processor lacks is not used in its place, but the best that it has.
    @Test(arguments: ["avx512", "avx2", "plain"])
    func `other instruction sets compute them, too`(set: String) async {
        await #expect(processExitsWith: .success) { [set = set as String] in
            setenv("EPAS_CPU_ISA", set, 1)
            for type in TrainingRowKernelTests.types {
                for size in TrainingRowKernelTests.sizes {
                    try Self.check(size, type, kernels: TestClient.shared.kernels)
                }
            }
        }
    }

    /// A residual stream of two norms whose results, and the stream itself, have several users; of
    /// a batch of 2 sequences.
    private static func derivatives(
        _ size: Size, _ type: ElementType, kernels: Set<String>
    ) throws -> [HostArray] {
        var random = RandomArrays(seed: 32)
        let (m, d, v) = (size.rows, size.width, 9)
        let inputs = [
            random.array([v, d], as: .float32), random.array([m, d], as: type),
            random.array([d], as: .float32), random.array([d], as: .float32),
            random.array([m, d], in: -4..<4, as: type),
        ]
        let tokens = random.indices([m], below: v)
        let factors = (0..<5).map { random.array([m, d], as: $0 == 0 ? .float32 : type) }
        let graph = Graph(kernels: kernels)
        let parameters = inputs.enumerated().map {
            graph.parameter("x\($0.offset)", $0.element.shape)
        }
        let constants = factors.map { graph.constant($0) }
        let x = graph.apply(
            EmbeddingKernel(precision: type), [parameters[0], graph.constant(tokens)])[0]
        let norm = RMSNormKernel(epsilon: 1e-5, resultType: type)
        let first = graph.apply(norm, [x, parameters[2]])[0]
        let gated = graph.apply(SwiGLUKernel(), [parameters[4], first])[0]
        let second = graph.apply(
            AddRMSNormKernel(epsilon: 1e-5), [x, gated + parameters[1], parameters[3]])
        var loss = (second[0].reshaped([m * d, 1]) * constants[0].reshaped([m * d, 1]))
            .sum(over: [0, 1])
        for factor in constants.dropFirst() {
            loss = loss + (second[1] * factor).converted(to: .float32).sum(over: [0, 1])
        }
        let found = gradients(of: loss, withRespectTo: parameters)
        return try evaluate(found.map { try #require($0) }, inputs)
    }

    /// In float32 both err by the order of sums of up to 300 products. In bfloat16 the plain form
    /// also rounds the sums of cotangents, and both what lies between two operations: some units in
    /// the last place of the largest numbers.
    @Test(arguments: sizes, types)
    func `derivatives are those of the plain form`(size: Size, type: ElementType) throws {
        let pairs = zip(
            try Self.derivatives(size, type, kernels: TestClient.shared.kernels),
            try Self.derivatives(size, type, kernels: []))
        for (index, (actual, expected)) in pairs.enumerated() {
            let norm = expected.doubles().map(abs).max() ?? 0
            let isNarrow = type == .bfloat16
            expectClose(
                actual, expected, relative: isNarrow ? 0x1p-6 : 1e-4,
                absolute: (isNarrow ? 0x1p-6 : 1e-5) * max(norm, 1), "\(index) of \(size)")
        }
    }

    /// What the layers' element-wise parts would otherwise leave in a program.
    @Test func `a norm's gradient takes its cotangents' terms`() {
        let graph = Graph(kernels: ["epas.add_rms_norm", "epas.rms_norm_gradient"])
        let x = graph.parameter("x", Shape(.float32, [4, 6]))
        let a = graph.parameter("a", Shape(.bfloat16, [4, 6]))
        let weight = graph.parameter("w", Shape(.float32, [6]))
        let results = graph.apply(AddRMSNormKernel(epsilon: 1e-5), [x, a, weight])
        let y = results[1].reshaped([2, 2, 6])
        let seeds = (0..<3).map { graph.parameter("s\($0)", y.shape) }
        let outputs = seeds.map { (tensor: y, cotangent: $0) } + [(results[0], x)]
        let found = gradients(of: outputs, withRespectTo: [x, a, weight]).compactMap(\.self)
        let text = graph.program(named: "p", returning: found)
        #expect(text.contains("\"results\" = 3 : i32"))
        #expect(!text.contains("stablehlo.add"))
    }

    @Test func `a norm that nobody uses passes the sum's cotangent on`() throws {
        for kernels in [try TestClient.shared.kernels, []] {
            let graph = Graph(kernels: kernels)
            let x = graph.parameter("x", Shape(.float32, [2, 3]))
            let a = graph.parameter("a", Shape(.float32, [2, 3]))
            let weight = graph.parameter("w", Shape(.float32, [3]))
            let results = graph.apply(AddRMSNormKernel(epsilon: 1e-5), [x, a, weight])
            let seed = graph.constant(3, results[0].shape)
            let found = gradients(of: results[0], withRespectTo: [x, a, weight], seed: seed)
            #expect(found[2] == nil)
            let inputs = [x, a].map { HostArray([Double](repeating: 1, count: 6), $0.dimensions) }
                .map { $0.converted(to: .float32) }
            let values = try evaluate(
                found.compactMap(\.self), inputs + [HostArray([Float](repeating: 1, count: 3), [3])]
            )
            for value in values { #expect(value.doubles() == [3, 3, 3, 3, 3, 3]) }
        }
    }

    /// All of a model's gradients, whose kernels divide 1200 rows among the threads.
    private static func gradientsOfModel(threads: Int) throws -> [[UInt8]] {
        let model = try ModelConfig(
            layers: 2, width: 64, heads: 4, keyValueHeads: 2, feedForward: 96, vocabulary: 900)
        let client = try Client(Plugin.load(.cpu), options: ClientOptions(threads: threads))
        let graph = Graph(kernels: client.kernels)
        let llama = Llama(model, computeType: .bfloat16, graph: graph)
        var random = RandomArrays(seed: 33)
        let tokens = [2, 600]
        let values = [random.indices(tokens, below: 900), random.indices(tokens, below: 900)]
        let losses = llama.losses(
            graph.parameter("tokens", values[0].shape),
            targets: graph.parameter("targets", values[1].shape), plan: .none)
        let found = gradients(of: losses.mean(over: [0, 1]), withRespectTo: llama.parameters)
        let program = graph.program(named: "gradients", returning: found.compactMap(\.self))
        let parameters = model.parameters.map { parameter in
            random.array(parameter.dimensions, in: -0.2..<0.2, as: .float32)
        }
        return try client.compile(program).run(parameters + values).map { array in
            array.withUnsafeBytes { Array($0) }
        }
    }

    @Test func `a model's gradients have the same bits on any number of threads`() async {
        await #expect(processExitsWith: .success) {
            let one = try TrainingRowKernelTests.gradientsOfModel(threads: 1)
            for threads in [2, 4] {
                let several = try TrainingRowKernelTests.gradientsOfModel(threads: threads)
                #expect(several == one, "\(threads) threads")
            }
        }
    }

    @Test(arguments: refusals)
    func `operands that do not fit are refused`(refusal: KernelRefusal) {
        refusal.check(isWhole: true)
    }

    static let refusals: [KernelRefusal] = {
        func f(_ dimensions: Int...) -> Shape { Shape(.float32, dimensions) }
        func b(_ dimensions: Int...) -> Shape { Shape(.bfloat16, dimensions) }
        func i(_ dimensions: Int...) -> Shape { Shape(.int32, dimensions) }
        func refuse(_ kernel: any Kernel, _ text: String, _ lists: [[Shape]])
            -> [KernelRefusal]
        {
            lists.map { KernelRefusal(kernel: kernel, operands: $0, text: text) }
        }
        let rows = "float32 or bfloat16, at least one row"
        func gradient(_ results: Int) -> RMSNormGradientKernel {
            RMSNormGradientKernel(epsilon: 1, resultTerms: results)
        }
        func gradientText(_ results: Int) -> String {
            "rows x [M, D] and a weight [D] of float32, 1 to 8 cotangents [M, D] of the norm, here "
                + "\(results), of \(rows), and up to 8 like x that pass it by"
        }
        func embeddingText(_ precision: String) -> String {
            "a table [V, D] of \(rows), indices [M] of int32, at least one, and the table's "
                + "precision or that of bfloat16, not \(precision)"
        }
        func tableText(_ count: Int) -> String {
            "indices [M] of int32 and 1 to 8 cotangents [M, D] of \(rows), and a table of at least "
                + "one row, not \(count)"
        }
        var all = refuse(
            AddRMSNormKernel(epsilon: 1),
            "rows x [M, D] of float32, as many to add of \(rows), and a weight [D] of float32",
            [
                [], [f(2, 3), f(2, 3)], [b(2, 3), b(2, 3), f(3)], [f(2, 3), f(2, 3), f(2)],
                [f(2, 3), b(2, 3), b(3)], [f(0, 3), f(0, 3), f(3)], [f(3), f(3), f(3)],
                [f(2, 3), i(2, 3), f(3)], [f(2, 3), b(3, 2), f(3)],
            ])
        all += refuse(
            gradient(1), gradientText(1),
            [
                [], [f(2, 3), f(3)], [f(2, 3), f(2), f(2, 3)], [b(2, 3), f(3), b(2, 3)],
                [f(2, 3), f(3), b(2, 3), b(2, 3)], [f(2, 3), f(3), f(3, 2)],
                [f(0, 3), f(3), f(0, 3)],
                [f(2, 3), f(3)] + [Shape](repeating: f(2, 3), count: 10),
            ])
        for count in [0, 2, 9, -1] {
            all += refuse(gradient(count), gradientText(count), [[f(2, 3), f(3), f(2, 3)]])
        }
        all += refuse(
            SwiGLUKernel(), "gates [M, F] of \(rows) and the like that they let through",
            [[], [f(2, 3)], [f(2, 3), b(2, 3)], [f(2, 3), f(2, 4)], [f(0, 3), f(0, 3)]])
        all += refuse(
            SwiGLUGradientKernel(),
            "gates [M, F] of \(rows), and the like of what they let through and of the cotangent",
            [
                [], [f(2, 3), f(2, 3)], [f(2, 3), f(2, 3), b(2, 3)], [f(2, 3), f(2, 4), f(2, 3)],
                [i(2, 3), i(2, 3), i(2, 3)],
            ])
        all += refuse(
            EmbeddingKernel(precision: .float32), embeddingText("float32"),
            [
                [], [f(5, 3)], [i(5, 3), i(2)], [b(5, 3), i(2)], [f(5, 3), f(2)],
                [f(5, 3), i(2, 1)], [f(0, 3), i(2)], [f(5, 3), i(0)],
            ])
        all += refuse(
            EmbeddingKernel(precision: .int32), embeddingText("int32"), [[f(5, 3), i(2)]])
        all += refuse(
            EmbeddingGradientKernel(rows: 5), tableText(5),
            [
                [], [i(2)], [i(3), f(2, 3)], [f(2), f(2, 3)], [i(2), f(2, 3), b(2, 3)],
                [i(0), f(0, 3)], [i(2)] + [Shape](repeating: f(2, 3), count: 9),
            ])
        all += refuse(EmbeddingGradientKernel(rows: 0), tableText(0), [[i(2), f(2, 3)]])
        return all
    }()
}
