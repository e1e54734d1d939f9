import EPASArray
import EPASGraph
import EPASTesting
import Testing

/// x times scale, and the square of that; writes the first over x.
private struct ScaleAndSquare: Kernel {
    let scale: Float
    var target: String { "epas.test_scale" }
    var settings: [String: KernelSetting] {
        [
            "scale": .float32(scale), "wide": .float64(1e-300), "on": .bool(true),
            "count": .int64(7), "small": .int32(-1), "mode": .string("a \"b\""),
            "dims": .int64s([1, 2]), "none": .int64s([]),
        ]
    }
    var aliases: [Int: Int] { [0: 0] }

    func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard operands.count == 1 else {
            throw ShapeError(operation: target, operands: operands, requirement: "one operand")
        }
        return [operands[0], operands[0]]
    }

    func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let scaled = operands[0] * Double(scale)
        return [scaled, scaled * scaled]
    }
}

/// a * b, with a derivative of its own and an effect.
private struct Product: Kernel {
    var target: String { "epas.test_product" }
    var hasSideEffect: Bool { true }

    func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] { [operands[0]] }
    func decomposition(_ operands: [Tensor]) -> [Tensor] { [operands[0] * operands[1]] }
    func pullback(
        _ cotangents: [Tensor?], results: [Tensor], operands: [Tensor]
    ) -> [Tensor?] {
        [cotangents[0].map { $0 * operands[1] }, nil]
    }
}

@Suite struct KernelTests {
    @Test func `a call prints with typed settings, layouts and aliases`() {
        let graph = Graph(kernels: ["epas.test_scale"])
        let x = graph.parameter("x", Shape(.float32, [2, 3]))
        let results = graph.apply(ScaleAndSquare(scale: 0.5), [x])
        let text = graph.program(named: "p", returning: [results[1]])
        let line = text.split(separator: "\n").first { $0.contains("custom_call") }
        #expect(
            line.map(String.init) == """
                    %0:2 = "stablehlo.custom_call"(%x) <{api_version = 4 : i32, \
                backend_config = {"count" = 7 : i64, "dims" = array<i64: 1, 2>, \
                "mode" = "a \\22b\\22", "none" = array<i64>, "on" = true, "scale" = 0.5 : f32, \
                "small" = -1 : i32, "wide" = 1.0e-300 : f64}, \
                call_target_name = "epas.test_scale", has_side_effect = false, \
                operand_layouts = [dense<[1, 0]> : tensor<2xindex>], \
                output_operand_aliases = [#stablehlo.output_operand_alias<\
                output_tuple_indices = [0], operand_index = 0, operand_tuple_indices = []>], \
                result_layouts = [dense<[1, 0]> : tensor<2xindex>, \
                dense<[1, 0]> : tensor<2xindex>]}> : \
                (tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
                """)
        #expect(text.contains("\"func.return\"(%0#1)"))
    }

    @Test func `the compiler reads the call and asks for the function`() {
        let graph = Graph(kernels: ["epas.test_scale", "epas.test_product"])
        let x = graph.parameter("x", .scalar(.float32))
        let y = graph.apply(ScaleAndSquare(scale: .infinity), [x])
        let z = graph.apply(Product(), y)
        let error = #expect(throws: (any Error).self) { try evaluate(z, [HostArray(Float(1))]) }
        #expect("\(String(describing: error))".contains("No FFI handler registered for epas.test_"))
    }

    @Test func `where the function is missing the plain form runs`() throws {
        let graph = Graph()
        let x = graph.parameter("x", Shape(.float32, [2]))
        let results = graph.apply(ScaleAndSquare(scale: 3), [x])
        let values = try evaluate(results, [HostArray([1, 2] as [Float], [2])])
        #expect(values.map { $0.doubles() } == [[3, 6], [9, 36]])
    }

    @Test func `the default derivative is the plain form's`() throws {
        // The forward results are not returned, so that nothing asks for the function.
        let graph = Graph(kernels: ["epas.test_scale"])
        let x = graph.parameter("x", Shape(.float32, [2]))
        let seed = graph.parameter("seed", Shape(.float32, [2]))
        let results = graph.apply(ScaleAndSquare(scale: 3), [x * x])
        for (result, expected) in zip(results, [[6.0, 120.0], [36.0, 2880.0]]) {
            let derivative = try #require(gradients(of: result, withRespectTo: [x], seed: seed)[0])
            let values = try evaluate(
                [derivative],
                [HostArray([1, 2] as [Float], [2]), HostArray([1, 10] as [Float], [2])])
            #expect(values[0].doubles() == expected)
        }
    }

    @Test func `operands that depend on each other are differentiated separately`() throws {
        let graph = Graph(kernels: ["epas.test_pair"])
        struct Pair: Kernel {
            var target: String { "epas.test_pair" }
            func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] { [operands[0]] }
            func decomposition(_ operands: [Tensor]) -> [Tensor] { [operands[0] * operands[1]] }
        }
        let x = graph.parameter("x", .scalar(.float32))
        let y = graph.apply(Pair(), [x, x * x])[0]
        let derivative = try #require(gradients(of: y, withRespectTo: [x])[0])
        #expect(try evaluate([derivative], [HostArray(Float(2))])[0].doubles() == [12])
    }

    @Test func `a derivative of its own replaces the default`() {
        let graph = Graph(kernels: ["epas.test_product"])
        let x = graph.parameter("x", .scalar(.float32))
        let y = graph.parameter("y", .scalar(.float32))
        let product = graph.apply(Product(), [x, y])[0]
        let derivatives = gradients(of: product, withRespectTo: [x, y])
        #expect(derivatives.map { $0 == nil } == [false, true])
    }

    @Test func `calls merge unless they have an effect`() {
        let graph = Graph(kernels: ["epas.test_scale", "epas.test_product"])
        let x = graph.parameter("x", .scalar(.float32))
        func call(_ kernel: any Kernel, _ operands: [Tensor]) -> Int {
            graph.apply(kernel, operands)[0].id
        }
        #expect(call(ScaleAndSquare(scale: 1), [x]) == call(ScaleAndSquare(scale: 1), [x]))
        #expect(call(ScaleAndSquare(scale: 1), [x]) != call(ScaleAndSquare(scale: 2), [x]))
        #expect(call(Product(), [x, x]) != call(Product(), [x, x]))
    }

    @Test func `operands that do not fit stop the program`() async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            _ = Graph().apply(ScaleAndSquare(scale: 1), [])
        }
        let text = result.map { String(decoding: $0.standardErrorContent, as: UTF8.self) } ?? ""
        #expect(text.contains("epas.test_scale requires one operand; got no operands"))
    }
}
