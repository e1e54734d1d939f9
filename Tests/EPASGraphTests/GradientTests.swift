import EPASArray
import EPASGraph
import EPASTesting
import Foundation
import Testing

/// What the reverse sweep promises beyond the single rules.
@Suite struct GradientTests {
    let graph = Graph()

    @Test func `a gradient that does not exist is nil`() {
        let shape = Shape(.float32, [2])
        let x = graph.parameter("x", shape)
        let idle = graph.parameter("idle", shape)
        let stopped = graph.parameter("stopped", shape)
        let compared = graph.parameter("compared", shape)
        let rounded = graph.parameter("rounded", shape)
        let index = graph.parameter("index", Shape(.int32, [2]))
        _ = idle * x
        let mask = compared.compared(.less, to: x)
        let y =
            select(mask, x, exp(stopped).stopGradient())
            + rounded.converted(to: .int32).converted(to: .float32)
            + x.rows(at: index)
        let later = y * 2
        let inputs = [x, idle, stopped, compared, rounded, index, later]
        let derivatives = gradients(of: y.sum(over: [0]), withRespectTo: inputs)
        #expect(derivatives.map { $0?.shape } == [shape, nil, nil, nil, nil, nil, nil])
    }

    @Test func `a projection that is not used gets no gradient and no program text`() {
        let shape = Shape(.float32, [2, 2])
        let x = graph.parameter("x", shape)
        let weights = (0..<3).map { graph.parameter("w\($0)", shape) }
        let query = x.dot(weights[0], contracting: ([1], [0]))
        let unused = x.dot(weights[1], contracting: ([1], [0]))
        let y = query.dot(weights[2], contracting: ([1], [0])).sum(over: [0, 1])
        let derivatives = gradients(of: y, withRespectTo: [weights[0], weights[1], weights[2]])
        #expect(derivatives.map { $0 == nil } == [false, true, false])
        let text = graph.program(named: "p", returning: [y] + derivatives.compactMap { $0 })
        // Two forward products, one for each weight and one for the activation between them.
        #expect(text.split(separator: "\n").count { $0.contains("dot_general") } == 5)
        _ = unused
    }

    @Test func `nodes that no input reaches are not visited`() {
        let shape = Shape(.float32, [2])
        let x = graph.parameter("x", shape)
        var frozen = graph.parameter("frozen", shape)
        for _ in 0..<100 { frozen = exp(frozen) }
        let y = (x * frozen).sum(over: [0])
        let before = graph.nodeCount
        _ = gradients(of: y, withRespectTo: [x])
        #expect(graph.nodeCount - before < 10)
    }

    @Test func `intermediate tensors, the output itself, and no inputs`() throws {
        let x = graph.parameter("x", Shape(.float64, [3]))
        let middle = sin(x)
        let y = (middle * middle).sum(over: [0])
        let derivatives = gradients(of: y, withRespectTo: [x, middle, y, x])
        let values = try evaluate(derivatives.map { try #require($0) }, [Self.input])
        let input = Self.input.doubles()
        func expected(_ f: (Double) -> Double) -> HostArray { HostArray(input.map(f), [3]) }
        expectClose(
            values[0], expected { 2 * Foundation.sin($0) * Foundation.cos($0) }, relative: 1e-12)
        expectClose(values[1], expected { 2 * Foundation.sin($0) }, relative: 1e-12)
        #expect(values[2].doubles() == [1])
        #expect(values[3].doubles() == values[0].doubles())
        #expect(gradients(of: y, withRespectTo: []).isEmpty)
    }

    @Test func `a derivative can be differentiated again`() throws {
        let x = graph.parameter("x", Shape(.float64, [3]))
        let y = (x * x * x).sum(over: [0])
        let first = try #require(gradients(of: y, withRespectTo: [x])[0])
        let second = try #require(gradients(of: first.sum(over: [0]), withRespectTo: [x])[0])
        let value = try evaluate([second], [Self.input])[0]
        expectClose(value, HostArray(Self.input.doubles().map { 6 * $0 }, [3]), relative: 1e-12)
    }

    @Test func `several outputs with their cotangents`() throws {
        let x = graph.parameter("x", Shape(.float64, [3]))
        let seed = graph.parameter("seed", Shape(.float64, [3]))
        let derivative = try #require(
            gradients(of: [(x * 2, seed), (x * x, x), (x * 2, seed)], withRespectTo: [x])[0])
        let values = try evaluate([derivative], [Self.input, HostArray([1.0, 10, 100], [3])])
        let expected = zip(Self.input.doubles(), [1.0, 10, 100]).map { 4 * $1 + 2 * $0 * $0 }
        expectClose(values[0], HostArray(expected, [3]), relative: 1e-12)
    }

    @Test func `elements that tie share the gradient equally`() throws {
        let x = graph.parameter("x", Shape(.float64, [5]))
        let y = graph.parameter("y", Shape(.float64, [5]))
        let results = [
            x.max(over: [0]), x.min(over: [0]), max(x, y).sum(over: [0]), min(x, y).sum(over: [0]),
        ]
        var derivatives = try results.map {
            try #require(gradients(of: $0, withRespectTo: [x])[0])
        }
        for result in results[2...] {
            derivatives.append(try #require(gradients(of: result, withRespectTo: [y])[0]))
        }
        let values = try evaluate(
            derivatives, [HostArray([3.0, 1, 3, 1, 3], [5]), HostArray([3.0, 0, 4, 1, 2], [5])])
        let third = 1.0 / 3
        #expect(values[0].doubles() == [third, 0, third, 0, third])
        #expect(values[1].doubles() == [0, 0.5, 0, 0.5, 0])
        #expect(values[2].doubles() == [0.5, 1, 0, 0.5, 1])
        #expect(values[3].doubles() == [0.5, 0, 1, 0.5, 0])
        #expect(values[4].doubles() == [0.5, 0, 1, 0.5, 0])
        #expect(values[5].doubles() == [0.5, 1, 0, 0.5, 1])
    }

    @Test func `powers at zero have finite derivatives`() throws {
        let a = graph.parameter("a", Shape(.float64, [3]))
        let b = graph.parameter("b", Shape(.float64, [3]))
        let derivatives = gradients(of: pow(a, b).sum(over: [0]), withRespectTo: [a, b])
        let values = try evaluate(
            derivatives.map { try #require($0) },
            [HostArray([0.0, 0, 2], [3]), HostArray([2.0, 0, 0], [3])])
        #expect(values[0].doubles() == [0, 0, 0])
        #expect(values[1].doubles()[0...1] == [0, 0])
        #expect(abs(values[1].doubles()[2] - 0.693_147_180_559_945_3) < 1e-15)
    }

    @Test func `a conversion's cotangent is converted back`() throws {
        let x = graph.parameter("x", Shape(.float32, [2]))
        let seed = graph.parameter("seed", Shape(.bfloat16, [2]))
        let y = x.converted(to: .bfloat16) * 2
        let derivative = try #require(gradients(of: y, withRespectTo: [x], seed: seed)[0])
        #expect(derivative.shape == x.shape)
        let values = try evaluate(
            [derivative],
            [
                HostArray([1, 1] as [Float], [2]),
                HostArray([BFloat16(3), BFloat16(-0.0078125)], [2]),
            ])
        #expect(values[0].doubles() == [6, -0.015625])
    }

    @Test func `bfloat16 operands with a float32 product`() throws {
        var random = RandomArrays(seed: 5)
        let inputs = [
            random.array([3, 4], as: .bfloat16), random.array([5, 4], as: .bfloat16),
            random.array([3, 5], as: .float32),
        ]
        let parameters = inputs.enumerated().map { graph.parameter("x\($0)", $1.shape) }
        let product = parameters[0].dot(
            parameters[1], contracting: ([1], [1]), accumulating: .float32)
        #expect(product.shape == Shape(.float32, [3, 5]))
        let derivatives = gradients(
            of: product, withRespectTo: Array(parameters[..<2]), seed: parameters[2])
        #expect(derivatives.map { $0?.elementType } == [.bfloat16, .bfloat16])
        let values = try evaluate([product] + derivatives.compactMap { $0 }, inputs)

        let (a, b) = (inputs[0].doubles(), inputs[1].doubles())
        let seed = inputs[2].converted(to: .bfloat16).doubles()
        func sum(_ count: Int, _ term: (Int) -> Double) -> Double {
            (0..<count).map(term).reduce(0, +)
        }
        let forward = (0..<15).map { at in sum(4) { a[at / 5 * 4 + $0] * b[at % 5 * 4 + $0] } }
        let left = (0..<12).map { at in sum(5) { seed[at / 4 * 5 + $0] * b[$0 * 4 + at % 4] } }
        let right = (0..<20).map { at in sum(3) { seed[$0 * 5 + at / 4] * a[$0 * 4 + at % 4] } }
        // Products of bfloat16 numbers are exact in float32; only their sums round.
        expectClose(
            values[0], HostArray(forward, [3, 5]).converted(to: .float32), relative: 1e-6,
            absolute: 1e-6)
        // One rounding to bfloat16, which has 8 bits of precision.
        for (value, expected) in [
            (values[1], HostArray(left, [3, 4])), (values[2], HostArray(right, [5, 4])),
        ] {
            expectClose(
                value.converted(to: .float64), expected, relative: 0x1p-8, absolute: 1e-6)
        }
    }

    @Test(arguments: [ElementType.bfloat16, .float16])
    func `many small cotangents add up in 16 bits`(_ type: ElementType) throws {
        let count = 4096
        let table = graph.parameter("table", Shape(type, [2, 1]))
        let indices = graph.constant(1, Shape(.int32, [count]))
        let rows = table.rows(at: indices).sum(over: [0, 1])
        let scalar = graph.parameter("scalar", .scalar(type))
        let repeated = scalar.broadcast(to: [count], along: []).sum(over: [0])
        let derivatives = gradients(of: rows + repeated, withRespectTo: [table, scalar])
        let values = try evaluate(
            derivatives.map { try #require($0) },
            [
                HostArray([1.0, 1], [2, 1]).converted(to: type),
                HostArray([1.0], []).converted(to: type),
            ])
        #expect(values.map { $0.doubles() } == [[0, 4096], [4096]])
    }

    @Test func `softmax of large numbers`() throws {
        let x = graph.parameter("x", Shape(.float32, [3]))
        let values = try evaluate(
            [softmax(x, over: 0)], [HostArray([1000, 1000, -1000] as [Float], [3])])
        #expect(values[0].doubles() == [0.5, 0.5, 0])
    }

    private static let input = HostArray([0.3, -1.2, 2.0], [3])
}
