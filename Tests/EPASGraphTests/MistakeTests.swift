import EPASArray
import EPASGraph
import Testing

/// Mistakes in code that builds graphs stop the program with a message.
@Suite struct MistakeTests {
    @Test func `operands that do not fit`() async {
        let output = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let graph = Graph()
            _ =
                graph.parameter("a", Shape(.float32, [2]))
                + graph.parameter("b", Shape(.float32, [3]))
        }
        expect(
            output,
            "stablehlo.add requires operands of equal shape; got tensor<2xf32>, tensor<3xf32>")
    }

    @Test func `tensors of two graphs`() async {
        let output = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let shape = Shape(.float32, [2])
            _ = Graph().parameter("a", shape) + Graph().parameter("b", shape)
        }
        expect(output, "stablehlo.add: an operand (parameter float32[2]) belongs to another graph.")
    }

    @Test func `a parameter's name twice`() async {
        let output = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let graph = Graph()
            _ = graph.parameter("a", .scalar(.float32))
            _ = graph.parameter("a", .scalar(.float32))
        }
        expect(output, "The graph already has a parameter named 'a'.")
    }

    @Test func `a constant that its type cannot hold`() async {
        let output = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            _ = Graph().constant(300, Shape(.int8, [2]))
        }
        expect(output, "A constant of type int8 cannot hold 300.0.")
    }

    @Test func `a donation to a result of another shape`() async {
        let output = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let graph = Graph()
            let x = graph.parameter("x", Shape(.float32, [2]))
            _ = graph.program(
                named: "p", returning: [x.converted(to: .bfloat16)], donating: [0: 0])
        }
        expect(
            output,
            "program: donating argument 0 of shape float32[2] to result 0 of shape bfloat16[2].")
    }

    @Test func `a donation of what there is not`() async {
        let output = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let graph = Graph()
            let x = graph.parameter("x", Shape(.float32, [2]))
            _ = graph.program(named: "p", returning: [x], donating: [1: 0])
        }
        expect(
            output,
            "program: donating argument 1 to result 0, but there are 1 arguments and 1 results.")
    }

    @Test func `two donations to one result`() async {
        let output = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let graph = Graph()
            let x = graph.parameter("x", Shape(.float32, [2]))
            let y = graph.parameter("y", Shape(.float32, [2]))
            _ = graph.program(named: "p", returning: [x + y], donating: [0: 0, 1: 0])
        }
        expect(output, "program: arguments 0 and 1 are both donated to result 0.")
    }

    @Test func `a gradient without a seed`() async {
        let output = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let x = Graph().parameter("x", Shape(.float32, [2]))
            _ = gradients(of: x, withRespectTo: [x])
        }
        expect(output, "gradients requires a seed for an output that is no scalar; got float32[2]")
    }

    @Test func `a gradient of integers`() async {
        let output = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let x = Graph().parameter("x", Shape(.int32, []))
            _ = gradients(of: x, withRespectTo: [x])
        }
        expect(output, "gradients requires a floating-point output; got int32[]")
    }

    @Test func `a seed of another shape`() async {
        let output = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let x = Graph().parameter("x", Shape(.float32, [2]))
            _ = gradients(of: x, withRespectTo: [x], seed: x.converted(to: .float64))
        }
        expect(
            output,
            "gradients requires a seed of the output's shape float32[2]; got float64[2]")
    }

    @Test func `a program without results`() async {
        let output = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            _ = Graph().program(named: "p", returning: [])
        }
        expect(output, "program: there must be at least one result.")
    }

    private func expect(_ result: ExitTest.Result?, _ message: String) {
        let text = result.map { String(decoding: $0.standardErrorContent, as: UTF8.self) } ?? ""
        #expect(text.contains(message))
    }
}
