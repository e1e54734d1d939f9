import BasicContainers
import EPASArray
import EPASGraph
import EPASModel
import EPASRuntime
import EPASTesting
import Foundation
import Testing

/// The kernels' functions for the CPU, called by the plugin.
@Suite struct KernelFunctionTests {
    let kernels: Set<String>

    init() throws {
        kernels = try TestClient.shared.kernels
    }

    @Test(arguments: [ElementType.float32, .bfloat16])
    func `the functions compute what the plain forms do`(type: ElementType) throws {
        try KernelComparison(type: type, kernels: kernels).run(KernelComparison.all)
    }

    /// A set that the processor lacks is not used in its place, but the best that it has.
    @Test(arguments: ["avx512", "avx2", "plain"])
    func `other instruction sets compute it, too`(set: String) async {
        await #expect(processExitsWith: .success) { [set = set as String] in
            setenv("EPAS_CPU_ISA", set, 1)
            for type in [ElementType.float32, .bfloat16] {
                try KernelComparison(type: type, kernels: TestClient.shared.kernels)
                    .run(KernelComparison.few)
            }
        }
    }

    /// A chain of the kernels that take each row for itself, on M rows of 24 numbers.
    private func chain(_ rows: Int, type: ElementType, weights: [HostArray]) throws -> Executable {
        let graph = Graph(kernels: kernels)
        let x = graph.parameter("x", Shape(type, [rows, 24]))
        let given = weights.map { graph.constant($0) }
        // A weight, or integers with scales.
        let weight = Array(given.dropFirst())
        let y = graph.apply(RMSNormKernel(epsilon: 1e-6, resultType: type), [x, given[0]])[0]
        let z = graph.apply(LinearKernel(resultType: type), [y] + weight + [x])[0]
        let s = graph.apply(
            GatedLinearKernel(epsilon: 1e-6, hasBiases: false), [z, given[0]] + weight + weight)[0]
        let result = graph.apply(LinearKernel(resultType: .float32), [s] + weight + [given[0]])
        return try TestClient.shared.compile(graph.program(named: "chain", returning: result))
    }

    @Test(arguments: [ElementType.float32, .bfloat16], [false, true])
    func `a row's bits do not depend on its company`(type: ElementType, integers: Bool) throws {
        var random = RandomArrays(seed: 5)
        let norm = random.array([24], as: .float32)
        let weight = random.array([24, 24], as: type)
        let matrix = try QuantizedMatrix(weight)
        let weights = [norm] + (integers ? [matrix.integers, matrix.scales] : [weight])
        let x = random.array([19, 24])
        func run(_ rows: [Int]) throws -> [[UInt32]] {
            let all = x.doubles()
            let taken = HostArray(
                rows.flatMap { all[$0 * 24..<($0 + 1) * 24] }, [rows.count, 24])
            let result = try chain(rows.count, type: type, weights: weights)
                .run([taken.converted(to: type)])[0].elements(as: Float.self).map(\.bitPattern)
            return rows.indices.map { Array(result[$0 * 24..<($0 + 1) * 24]) }
        }
        let all = try run(Array(0..<19))
        for rows in [
            [0], [18], [7, 3], [5, 5, 18], [1, 2, 3, 4, 6, 8, 11], Array((0..<16).reversed()),
        ] {
            #expect(try run(rows) == rows.map { all[$0] })
        }
    }

    /// The elements that integers stand for give the same bits, for few rows and for many.
    private static func checkIntegers(_ type: ElementType, kernels: Set<String>) throws {
        var random = RandomArrays(seed: 12)
        for (rows, width, out) in [(1, 70, 9), (5, 768, 12), (40, 130, 67), (3, 4160, 5)] {
            let x = random.array([rows, width], as: type)
            let matrix = try QuantizedMatrix(random.array([out, width], as: .float32))
            let kernel = LinearKernel(resultType: .float32)
            let found = try KernelCase.run(
                kernel, [x, matrix.integers, matrix.scales], kernels: kernels)
            let expected = try KernelCase.run(
                kernel, [x, matrix.dequantized.converted(to: type)], kernels: kernels)
            #expect(
                found[0].elements(as: Float.self).map(\.bitPattern)
                    == expected[0].elements(as: Float.self).map(\.bitPattern), "\(rows) rows")
        }
    }

    @Test(arguments: ["", "avx512", "avx2", "plain"])
    func `integers give what their elements give`(set: String) async {
        await #expect(processExitsWith: .success) { [set = set as String] in
            setenv("EPAS_CPU_ISA", set, 1)
            for type in [ElementType.float32, .bfloat16] {
                try Self.checkIntegers(type, kernels: TestClient.shared.kernels)
            }
        }
    }

    @Test func `prompt tokens are computed as if one came after the other`() throws {
        // The tokens of a sequence at once and each for itself, the table padded differently.
        var random = RandomArrays(seed: 6)
        let (heads, keyValueHeads, head, tokens, count) = (4, 2, 20, 32, 70)
        let pool = random.array([4, keyValueHeads, tokens * head], as: .bfloat16)
        let query = random.array([count, heads, head], in: -2..<2, as: .bfloat16)
        let queries = query.elements(as: BFloat16.self)
        let blocks: [Int32] = [2, 0, 3]

        func attend(_ rows: Range<Int>, columns: Int) throws -> [BFloat16] {
            let graph = Graph(kernels: kernels)
            let width = heads * head
            let part = Array(queries[rows.lowerBound * width..<rows.upperBound * width])
            let padding = [Int32](repeating: -1, count: columns - blocks.count)
            let inputs = [
                HostArray(part, [rows.count, heads, head]), pool,
                HostArray(blocks + padding, [1, 1, columns]),
                HostArray([Int32](repeating: 0, count: rows.count), [rows.count]),
                HostArray(rows.map { Int32($0) }, [rows.count]),
            ]
            let operands = inputs.enumerated().map {
                graph.parameter("x\($0.offset)", $0.element.shape)
            }
            let probabilities = graph.apply(
                AttentionProbabilitiesKernel(keyValueHeads: keyValueHeads, plane: 0), operands)
            let mixed = graph.apply(
                AttentionMixKernel(plane: 0), probabilities + operands.dropFirst())
            return try evaluate(mixed, inputs)[0].elements(as: BFloat16.self)
        }
        let whole = try attend(0..<count, columns: 3)
        for row in [0, 31, 32, 69] {
            let width = heads * head
            #expect(
                try attend(row..<row + 1, columns: row + 3)
                    == Array(whole[row * width..<(row + 1) * width]))
        }
        #expect(try attend(11..<48, columns: 9) == Array(whole[11 * 80..<48 * 80]))
    }

    @Test func `the cache is written in place`() throws {
        var cases = KernelCases(seed: 8, type: .bfloat16)
        let test = cases.attentionInputs(
            .init(m: 5, d: 12, n: 2, k: 2, h: 8, blocks: 64, u: 32), query: false)
        let graph = Graph(kernels: kernels)
        // The pool, which is the sixth operand, is the program's first argument.
        let pooled = graph.parameter("pool", test.inputs[5].shape)
        let others = test.inputs.enumerated().filter { $0.offset != 5 }
        var operands = others.map { graph.parameter("x\($0.offset)", $0.element.shape) }
        operands.insert(pooled, at: 5)
        // Two writes after each other, as in two layers.
        let once = graph.apply(test.kernel, operands)
        let twice = graph.apply(test.kernel, operands.prefix(5) + once + operands.dropFirst(6))
        let client = try TestClient.shared
        let program = try client.compile(
            graph.program(named: "write", returning: twice, donating: [0: 0]))
        #expect(try program.memoryStatistics().temporary < test.inputs[5].shape.byteCount)
        var pool = UniqueArray<DeviceBuffer>()
        pool.append(try client.makeBuffer(test.inputs[5]))
        let address = try pool[0].deviceAddress()
        pool = try program.execute(
            donating: pool, inputs: others.map(\.element))
        #expect(try pool[0].deviceAddress() == address)
        expectClose(
            try pool[0].hostArray(), test.expected[0].converted(to: .bfloat16))
    }

    /// What a call with one replaced index says.
    private func refusal(
        _ test: KernelCase, operand: Int, index: Int, value: Int32
    ) throws -> String {
        var inputs = test.inputs
        var indices = inputs[operand].elements(as: Int32.self)
        indices[index] = value
        inputs[operand] = HostArray(indices, inputs[operand].shape.dimensions)
        let error = #expect(throws: PJRTError.self) {
            try KernelCase.run(test.kernel, inputs, kernels: kernels)
        }
        return error?.message ?? ""
    }

    @Test(arguments: [
        (operand: 3, index: 0, value: Int32(1), "a row's sequence is not in the table"),
        (operand: 3, index: 0, value: -1, "a row's sequence is not in the table"),
        (operand: 4, index: 0, value: 6, "a row's position is beyond the table"),
        (operand: 2, index: 3, value: 4, "the table names a block that is not in the pool"),
        (operand: 2, index: 3, value: -1, "the table names a block that is not in the pool"),
    ])
    func `attention refuses indices that lead nowhere`(
        operand: Int, index: Int, value: Int32, text: String
    ) throws {
        var cases = KernelCases(seed: 9, type: .float32)
        let pair = cases.attention(
            3, heads: 2, keyValueHeads: 1, 4, sequences: 1, columns: 3, tokens: 2)
        for test in [pair.probabilities, pair.mix] {
            let message = try refusal(test, operand: operand, index: index, value: value)
            #expect(message.contains("\(test.kernel.target): \(text)."))
        }
    }

    @Test(arguments: [
        (operand: 4, index: 1, value: Int32(9), "a row's position has no cosines and sines"),
        (operand: 6, index: 1, value: 4, "a row's block is not in the pool"),
        (operand: 6, index: 5, value: 4, "a row's block is not in the pool"),
        (operand: 7, index: 1, value: 4, "a row's offset is outside its block"),
        (operand: 7, index: 1, value: -1, "a row's offset is outside its block"),
    ])
    func `the cache refuses places that do not exist`(
        operand: Int, index: Int, value: Int32, text: String
    ) throws {
        var cases = KernelCases(seed: 10, type: .float32)
        let test = cases.attentionInputs(.init(m: 2, d: 3, n: 1, k: 1, h: 2, blocks: 4, u: 4))[0]
        let message = try refusal(test, operand: operand, index: index, value: value)
        #expect(message.contains("epas.attention_inputs: \(text)."))
    }
}
