import EPASArray
import EPASGraph
import EPASTesting
import Testing

@Suite struct WhileTests {
    @Test func `a loop carries several values`() throws {
        let graph = Graph()
        let x = graph.parameter("x", Shape(.float32, [2]))
        let count = graph.parameter("count", .scalar(.int32))
        let results = repeated([count, x, x * 2]) {
            $0[0].compared(.greater, to: 0)
        } body: {
            [$0[0] - 1, $0[1] + 1, $0[2] * $0[1].sum(over: [0]).broadcast(to: [2], along: [])]
        }
        for (count, expected) in [(0, [1.0, 2]), (3, [4, 5])] {
            let values = try evaluate(
                [results[1]], [HostArray([1, 2] as [Float], [2]), HostArray(Int32(count))])
            #expect(values[0].doubles() == expected)
        }
    }

    @Test func `loops in loops and side by side`() throws {
        let graph = Graph()
        let start = graph.parameter("$0", .scalar(.int32))
        func doubled(_ x: Tensor, times: Double) -> Tensor {
            repeated([x, x.filled(with: times)]) {
                $0[1].compared(.greater, to: 0)
            } body: {
                [$0[0] + $0[0], $0[1] - 1]
            }[0]
        }
        let outer = repeated([start, start.filled(with: 3)]) { values in
            doubled(values[1], times: 1).compared(.greater, to: 0)
        } body: { values in
            [doubled(doubled(values[0], times: 1), times: 2) + 1, values[1] - 1]
        }
        // x -> 8 x + 1, three times.
        let value = try evaluate([outer[0] + doubled(start, times: 2)], [HostArray(Int32(1))])
        #expect(value[0].doubles() == [585 + 4])
    }

    @Test func `equal loops are one node`() {
        let graph = Graph()
        let x = graph.parameter("x", .scalar(.int32))
        func loop(_ limit: Double) -> Int {
            repeated([x]) {
                $0[0].compared(.less, to: limit)
            } body: {
                [$0[0] + 1]
            }[0].id
        }
        #expect(loop(3) == loop(3))
        #expect(loop(3) != loop(4))
    }

    @Test func `a body that changes a shape stops the program`() async {
        let output = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let x = Graph().parameter("x", Shape(.int32, [1]))
            _ = repeated([x]) {
                $0[0].sum(over: [0]).compared(.less, to: 1)
            } body: {
                [$0[0].reshaped([])]
            }
        }
        expect(
            output,
            "stablehlo.while requires a body that returns what it takes, not tensor<i32>; "
                + "got tensor<1xi32>")
    }

    @Test func `a condition that is no scalar stops the program`() async {
        let output = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let x = Graph().parameter("x", Shape(.int32, [1]))
            _ = repeated([x]) {
                $0[0].compared(.less, to: 1)
            } body: {
                $0
            }
        }
        expect(
            output,
            "stablehlo.while requires a condition of type tensor<i1>, not tensor<1xi1>; "
                + "got tensor<1xi32>")
    }

    @Test func `a tensor from outside stops the program`() async {
        let output = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let x = Graph().parameter("x", .scalar(.int32))
            _ = repeated([x]) {
                $0[0].compared(.less, to: 1)
            } body: { _ in
                [x]
            }
        }
        expect(
            output,
            "repeated: a result (parameter int32[]) does not come from the loop's own values.")
    }

    @Test func `a gradient says what to do instead, or stops before the loop`() async {
        let output = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let x = Graph().parameter("x", .scalar(.float32))
            let y = repeated([x]) {
                $0[0].compared(.less, to: 1)
            } body: {
                [$0[0] + 1]
            }[0]
            _ = gradients(of: y, withRespectTo: [x])
        }
        expect(
            output,
            "stablehlo.while has no derivative; write its iterations one after the other, or call "
                + "stopGradient() on its results.")

        let x = Graph().parameter("x", .scalar(.float32))
        let y = repeated([x]) {
            $0[0].compared(.less, to: 1)
        } body: {
            [$0[0] + 1]
        }[0]
        let derivative = gradients(of: x * y.stopGradient(), withRespectTo: [x])[0]
        #expect(derivative != nil)
    }

    private func expect(_ result: ExitTest.Result?, _ message: String) {
        let text = result.map { String(decoding: $0.standardErrorContent, as: UTF8.self) } ?? ""
        #expect(text.contains(message))
    }
}
