import EPASArray
import EPASGraph
import EPASRuntime
import EPASTesting
import Testing

@Suite struct ProgramTests {
    @Test func `prints what the results need, and every parameter`() {
        let graph = Graph()
        let x = graph.parameter("tokens", Shape(.int32, [2]))
        let table = graph.parameter("model.embed tokens.weight", Shape(.bfloat16, [5, 3]))
        _ = graph.parameter("unused", Shape(.float32, []))
        _ = exp(table)
        let rows = table.rows(at: x).converted(to: .float32).stopGradient()
        let result = (rows * 0.1).sum(over: [1])
        #expect(
            graph.program(named: "small", returning: [result, table], donating: [1: 1]) == """
                module @"small" {
                  func.func public @main(
                      %tokens: tensor<2xi32>,
                      %model.embed_tokens.weight: tensor<5x3xbf16> {tf.aliasing_output = 1 : i32},
                      %unused: tensor<f32>) -> (tensor<2xf32>, tensor<5x3xbf16>) {
                    %0 = "stablehlo.gather"(%model.embed_tokens.weight, %tokens) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, indices_are_sorted = false, slice_sizes = array<i64: 1, 3>}> : (tensor<5x3xbf16>, tensor<2xi32>) -> tensor<2x3xbf16>
                    %1 = "stablehlo.convert"(%0) : (tensor<2x3xbf16>) -> tensor<2x3xf32>
                    %2 = "stablehlo.constant"() <{value = dense<0.1> : tensor<2x3xf32>}> : () -> tensor<2x3xf32>
                    %3 = "stablehlo.multiply"(%1, %2) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
                    %4 = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
                    %5 = "stablehlo.reduce"(%3, %4) <{dimensions = array<i64: 1>}> ({
                    ^bb0(%lhs: tensor<f32>, %rhs: tensor<f32>):
                      %combined = "stablehlo.add"(%lhs, %rhs) : (tensor<f32>, tensor<f32>) -> tensor<f32>
                      "stablehlo.return"(%combined) : (tensor<f32>) -> ()
                    }) : (tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>
                    "func.return"(%5, %model.embed_tokens.weight) : (tensor<2xf32>, tensor<5x3xbf16>) -> ()
                  }
                }

                """)
    }

    @Test func `names that MLIR cannot tell apart are made different`() throws {
        let graph = Graph()
        let names = ["a b", "a_b", "a_b_2", "", "1", "lhs", "combined", "größe", "\"", "-x"]
        let parameters = names.map { graph.parameter($0, .scalar(.float32)) }
        let sum = parameters.dropFirst().reduce(parameters[0], +).broadcast(to: [2], along: [])
        let inputs = names.indices.map { HostArray(Float(1 << $0)) }
        let result = try evaluate([sum.sum(over: [0])], inputs)
        #expect(result[0].doubles() == [2 * 1023])
        let text = graph.program(named: "a \"name\"\\", returning: [sum])
        #expect(text.hasPrefix("module @\"a \\22name\\22\\5C\" {"))
        for name in ["%a_b:", "%a_b_2:", "%a_b_2_2:", "%_:", "%_1:", "%lhs_2:", "%gr__e:"] {
            #expect(text.contains(name), "\(name)")
        }
    }

    @Test func `a program without parameters, and one that returns a parameter`() throws {
        let graph = Graph()
        let two = graph.constant(2, Shape(.float32, [2]))
        #expect(try evaluate([two, two])[1].doubles() == [2, 2])
        let x = graph.parameter("x", Shape(.float32, []))
        #expect(try evaluate([x.stopGradient(), x], [HostArray(Float(3))])[0].doubles() == [3])
    }

    @Test func `a donated argument's memory takes the result`() throws {
        let graph = Graph()
        let shape = Shape(.float32, [2])
        let x = graph.parameter("x", shape)
        let y = graph.parameter("y", shape)
        let text = graph.program(named: "p", returning: [x + y, x * y], donating: [1: 0, 0: 1])
        let values = try TestClient.shared.compile(text)
            .run([HostArray([1, 2] as [Float], [2]), HostArray([3, 5] as [Float], [2])])
        #expect(values.map { $0.doubles() } == [[4, 7], [3, 10]])
    }

    @Test func `equal computations are one node`() {
        let graph = Graph()
        let x = graph.parameter("x", Shape(.float32, [2, 2]))
        let y = graph.parameter("y", Shape(.float32, [2, 2]))
        let nodes = graph.nodeCount
        let first = exp(x).transposed([1, 0]).sum(over: [0]) * 2
        let added = graph.nodeCount - nodes
        let second = exp(x).transposed([1, 0]).sum(over: [0]) * 2
        #expect(first.id == second.id)
        #expect(graph.nodeCount == nodes + added)
        #expect(exp(y).id != exp(x).id)
        #expect(x.sum(over: [0]).id != x.sum(over: [1]).id)
        #expect(x.max(over: [0]).id != x.min(over: [0]).id)
        #expect((x - y).id != (y - x).id)
        #expect(x.sum(over: [1, 0]).id == x.sum(over: [0, 1]).id)
        #expect(x.converted(to: .bfloat16).id != x.converted(to: .float16).id)
        #expect(
            x.broadcast(to: [2, 2, 3], along: [0, 1]).id
                != x.broadcast(to: [2, 2, 4], along: [0, 1]).id)
        #expect(x.filled(with: 0).id != x.filled(with: -0.0).id)
        #expect(optimizationBarrier([x])[0].id != optimizationBarrier([x])[0].id)
    }

    @Test func `what would change nothing adds no node`() {
        let graph = Graph()
        let x = graph.parameter("x", Shape(.float32, [2, 3]))
        let same = [
            x.reshaped([2, 3]), x.transposed([0, 1]), x.converted(to: .float32),
            x.broadcast(to: [2, 3], along: [0, 1]), x.sliced(along: 0, 0..<2),
            x.padded(low: [0, 0], high: [0, 0], with: 1), x.sum(over: []),
            concatenated([x], along: 1),
        ]
        #expect(same.map(\.id) == same.map { _ in x.id })
        #expect(graph.nodeCount == 1)
    }

    @Test func `equal graphs print equal text`() {
        func text() -> String {
            let graph = Graph()
            let x = graph.parameter("x", Shape(.float32, [3, 3]))
            let y = softmax(x.dot(x, contracting: ([1], [0])), over: 1).sum(over: [0, 1])
            let derivatives = gradients(of: y, withRespectTo: [x])
            return graph.program(named: "p", returning: [y] + derivatives.compactMap { $0 })
        }
        #expect(text() == text())
    }

    @Test func `a long chain is built, differentiated and printed`() {
        let graph = Graph()
        let x = graph.parameter("x", Shape(.float32, [2]))
        var y = x
        for index in 0..<5_000 { y = sin(y) * (1 + Double(index)) }
        let derivative = gradients(of: y.sum(over: [0]), withRespectTo: [x])[0]
        let text = graph.program(named: "long", returning: [derivative ?? x])
        #expect(text.split(separator: "\n").count { $0.contains("stablehlo.cosine") } == 5_000)
    }
}
