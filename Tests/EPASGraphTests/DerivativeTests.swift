import EPASArray
import EPASGraph
import EPASTesting
import Testing

/// A function of float64 tensors, with random inputs in the ranges where it is smooth.
struct DerivativeCase: CustomTestStringConvertible, Sendable {
    /// What an input is filled with.
    enum Input: Sendable {
        case uniform([Int], Range<Double>)
        case indices([Int32], [Int])

        var shape: Shape {
            switch self {
            case .uniform(let dimensions, _): Shape(.float64, dimensions)
            case .indices(_, let dimensions): Shape(.int32, dimensions)
            }
        }
    }

    let testDescription: String
    let inputs: [Input]
    let function: @Sendable ([Tensor]) -> [Tensor]

    init(
        _ name: String, _ inputs: [Input], _ function: @escaping @Sendable ([Tensor]) -> [Tensor]
    ) {
        testDescription = name
        self.inputs = inputs
        self.function = function
    }
}

/// An elementwise function, with one range per input.
struct ElementwiseFunction: Sendable {
    let cases: [DerivativeCase]

    init(
        _ name: String, in ranges: Range<Double>...,
        of function: @escaping @Sendable ([Tensor]) -> Tensor
    ) {
        cases = [[], [5], [2, 3], [2, 1, 4]].map { shape in
            DerivativeCase("\(name) \(shape)", ranges.map { .uniform(shape, $0) }) {
                [function($0)]
            }
        }
    }
}

@Suite struct DerivativeTests {
    static let unary: [ElementwiseFunction] = [
        .init("negate", in: -2..<2) { -$0[0] },
        .init("abs, negative", in: -2 ..< -0.1) { abs($0[0]) },
        .init("abs, positive", in: 0.1..<2) { abs($0[0]) },
        .init("sign", in: 0.1..<2) { sign($0[0]) * $0[0] },
        .init("exp", in: -2..<2) { exp($0[0]) },
        .init("expMinusOne", in: -2..<2) { expMinusOne($0[0]) },
        .init("log", in: 0.2..<3) { log($0[0]) },
        .init("log one plus", in: -0.8..<3) { log(onePlus: $0[0]) },
        .init("sqrt", in: 0.2..<3) { sqrt($0[0]) },
        .init("rsqrt", in: 0.2..<3) { rsqrt($0[0]) },
        .init("tanh", in: -2..<2) { tanh($0[0]) },
        .init("sigmoid", in: -3..<3) { sigmoid($0[0]) },
        .init("cos", in: -4..<4) { cos($0[0]) },
        .init("sin", in: -4..<4) { sin($0[0]) },
    ]

    static let binary: [ElementwiseFunction] = [
        .init("add", in: -2..<2, -2..<2) { $0[0] + $0[1] },
        .init("subtract", in: -2..<2, -2..<2) { $0[0] - $0[1] },
        .init("multiply", in: -2..<2, -2..<2) { $0[0] * $0[1] },
        .init("divide", in: -2..<2, 0.5..<2) { $0[0] / $0[1] },
        .init("max, left", in: 1..<2, -1..<1) { max($0[0], $0[1]) },
        .init("max, right", in: -1..<1, 1..<2) { max($0[0], $0[1]) },
        .init("min, left", in: -1..<1, 1..<2) { min($0[0], $0[1]) },
        .init("min, right", in: 1..<2, -1..<1) { min($0[0], $0[1]) },
        .init("pow", in: 0.5..<2, -2..<2) { pow($0[0], $0[1]) },
        .init("square of a negative", in: -2 ..< -0.5) { pow($0[0], 2) },
        .init("pow at exponent 0", in: 0.5..<2) { pow($0[0], 0) * $0[0] },
        .init("scalars", in: 0.5..<2) {
            let x = $0[0]
            let left = (2 - x) * 3 + 1 / x
            let right = 0.5 + x / 4
            return left - right * (2 * x - 1)
        },
        .init("max and min with scalars", in: 0.5..<2) {
            max($0[0], 0.1) * min($0[0], 5) + pow(2, $0[0])
        },
        .init("select", in: -2..<2, -2..<2) {
            select($0[0].compared(.less, to: $0[1]).stopGradient(), $0[0] * $0[1], $0[1])
        },
        .init("select by a scalar", in: -2..<2, -2..<2) {
            let mask = $0[0].graph.constant(1, .scalar(.bool))
            return select(mask, $0[0], $0[1]) + select(!mask, $0[0], $0[1] * $0[1])
        },
        .init("an operand twice", in: -2..<2) { $0[0] * $0[0] + $0[0] },
    ]

    static let layout: [DerivativeCase] = [
        .init("transpose", [.uniform([2, 3, 4], -1..<1)]) { [$0[0].transposed([2, 0, 1])] },
        .init("transpose of a matrix", [.uniform([2, 3], -1..<1)]) { [$0[0].transposed([1, 0])] },
        .init("reshape", [.uniform([2, 6], -1..<1)]) { [$0[0].reshaped([3, 1, 4])] },
        .init("reshape of a scalar", [.uniform([], -1..<1)]) { [$0[0].reshaped([1, 1])] },
        .init("broadcast of a scalar", [.uniform([], -1..<1)]) {
            [$0[0].broadcast(to: [2, 3], along: [])]
        },
        .init("broadcast of a row", [.uniform([3], -1..<1)]) {
            [$0[0].broadcast(to: [2, 3], along: [1])]
        },
        .init("broadcast of a column", [.uniform([2], -1..<1)]) {
            [$0[0].broadcast(to: [2, 3], along: [0])]
        },
        .init("broadcast of sizes 1", [.uniform([1, 3, 1], -1..<1)]) {
            [$0[0].broadcast(to: [2, 3, 4], along: [0, 1, 2])]
        },
        .init("broadcast in another order", [.uniform([2, 3, 1], -1..<1)]) {
            [$0[0].broadcast(to: [3, 5, 4, 2], along: [3, 0, 2])]
        },
        .init("concatenate", [.uniform([2, 3], -1..<1), .uniform([2, 1], -1..<1)]) {
            [concatenated([$0[0], $0[1], $0[0]], along: 1)]
        },
        .init("concatenate of vectors", [.uniform([2], -1..<1), .uniform([3], -1..<1)]) {
            [concatenated($0, along: 0)]
        },
    ]

    static let reductions: [DerivativeCase] = [
        .init("sum", [.uniform([2, 3, 4], -1..<1)]) {
            [$0[0].sum(over: [1]), $0[0].sum(over: [2, 0]), $0[0].sum(over: [0, 1, 2])]
        },
        .init("sum over no axis", [.uniform([2], -1..<1)]) { [$0[0].sum(over: [])] },
        .init("mean", [.uniform([2, 3, 4], -1..<1)]) {
            [$0[0].mean(over: [1]), $0[0].mean(over: [0, 2])]
        },
        .init("max", [.uniform([2, 3, 4], -1..<1)]) {
            [$0[0].max(over: [1]), $0[0].max(over: [2, 0]), $0[0].max(over: [0, 1, 2])]
        },
        .init("min", [.uniform([2, 3, 4], -1..<1)]) {
            [$0[0].min(over: [1]), $0[0].min(over: [0, 2])]
        },
        .init("softmax", [.uniform([2, 5], -3..<3)]) { [softmax($0[0], over: 1)] },
        .init("softmax of an inner axis", [.uniform([2, 5, 3], -3..<3)]) {
            [softmax($0[0], over: 1)]
        },
        .init("softmax of the first axis", [.uniform([2, 5], -3..<3)]) {
            [softmax($0[0], over: 0)]
        },
    ]

    static let products: [DerivativeCase] = [
        .init("dot of vectors", [.uniform([3], -1..<1), .uniform([3], -1..<1)]) {
            [$0[0].dot($0[1], contracting: ([0], [0]))]
        },
        .init("outer product", [.uniform([2], -1..<1), .uniform([3], -1..<1)]) {
            [$0[0].dot($0[1], contracting: ([], []))]
        },
        .init("dot of matrices", [.uniform([2, 3], -1..<1), .uniform([3, 4], -1..<1)]) {
            [$0[0].dot($0[1], contracting: ([1], [0]))]
        },
        .init("dot with a transpose", [.uniform([2, 3], -1..<1), .uniform([4, 3], -1..<1)]) {
            [$0[0].dot($0[1], contracting: ([1], [1]))]
        },
        .init("batched dot", [.uniform([2, 3, 4], -1..<1), .uniform([2, 4, 5], -1..<1)]) {
            [$0[0].dot($0[1], contracting: ([2], [1]), batching: ([0], [0]))]
        },
        .init(
            "attention's dot, heads inside",
            [.uniform([2, 3, 2, 4], -1..<1), .uniform([2, 5, 2, 4], -1..<1)]
        ) {
            [$0[0].dot($0[1], contracting: ([3], [3]), batching: ([0, 2], [0, 2]))]
        },
        .init(
            "dimensions in any order",
            [.uniform([2, 3, 4, 5, 2], -1..<1), .uniform([5, 3, 2, 4], -1..<1)]
        ) {
            // Batching 3 (left 1, right 1) and 4 (left 2, right 3), contracting 2 and 5 crossed.
            [$0[0].dot($0[1], contracting: ([3, 0], [0, 2]), batching: ([2, 1], [3, 1]))]
        },
        .init("two contractions", [.uniform([2, 3, 4], -1..<1), .uniform([4, 2, 5], -1..<1)]) {
            [$0[0].dot($0[1], contracting: ([0, 2], [1, 0]))]
        },
        .init("a tensor with itself", [.uniform([3, 3], -1..<1)]) {
            [$0[0].dot($0[0], contracting: ([1], [0]))]
        },
    ]

    static let indexing: [DerivativeCase] = [
        .init("slice", [.uniform([4, 5], -1..<1)]) {
            [$0[0].sliced(along: 1, 1..<4), $0[0].sliced(along: 0, 2..<4)]
        },
        .init("strided slice", [.uniform([7, 6], -1..<1)]) {
            [$0[0].sliced(starts: [1, 0], limits: [6, 6], strides: [2, 4])]
        },
        .init("empty slice", [.uniform([3], -1..<1)]) {
            [$0[0].sliced(along: 0, 1..<1), $0[0]]
        },
        .init("pad", [.uniform([2, 3], -1..<1)]) {
            [$0[0].padded(low: [1, 0], high: [0, 2], with: 3)]
        },
        .init("pad between", [.uniform([2, 3], -1..<1)]) {
            [$0[0].padded(low: [0, 1], high: [2, 0], interior: [1, 2], with: 0)]
        },
        .init("pad that cuts", [.uniform([4, 5], -1..<1)]) {
            [$0[0].padded(low: [-1, 2], high: [0, -3], interior: [0, 1], with: 1)]
        },
        .init("dynamic slice", [.uniform([4, 5], -1..<1), .indices([1], []), .indices([9], [])]) {
            [$0[0].dynamicSlice(at: [$0[1], $0[2]], sizes: [2, 3])]
        },
        .init(
            "dynamic update",
            [
                .uniform([4, 5], -1..<1), .uniform([2, 3], -1..<1), .indices([-3], []),
                .indices([1], []),
            ]
        ) {
            [$0[0].dynamicUpdateSlice($0[1], at: [$0[2], $0[3]])]
        },
        .init("rows", [.uniform([4, 3], -1..<1), .indices([2, 0, 2, 3, 2, 1], [2, 3])]) {
            [$0[0].rows(at: $0[1])]
        },
        .init("row at a scalar", [.uniform([4, 3], -1..<1), .indices([2], [])]) {
            [$0[0].rows(at: $0[1])]
        },
        .init("elements of a vector", [.uniform([4], -1..<1), .indices([2, 2], [2])]) {
            [$0[0].rows(at: $0[1])]
        },
        .init("blocks", [.uniform([3, 2, 2], -1..<1), .indices([2, 0, 2], [3])]) {
            [$0[0].rows(at: $0[1])]
        },
        .init(
            "adding rows",
            [.uniform([4, 3], -1..<1), .uniform([5, 3], -1..<1), .indices([0, 3, 3, 1, 0], [5])]
        ) {
            [$0[0].addingRows($0[1], at: $0[2])]
        },
    ]

    static let structure: [DerivativeCase] = [
        .init("barrier", [.uniform([2], -1..<1), .uniform([3], -1..<1)]) {
            optimizationBarrier([$0[0] * $0[0], exp($0[1])])
        },
        .init("barrier with an unused result", [.uniform([2], -1..<1), .uniform([3], -1..<1)]) {
            [optimizationBarrier([$0[0] * $0[0], exp($0[1])])[1], $0[0]]
        },
        .init("one tensor used by many", [.uniform([3], 0.5..<1)]) { inputs in
            let x = exp(inputs[0])
            return [x * x, log(x), x.sum(over: [0]), concatenated([x, x], along: 0)]
        },
    ]

    @Test(arguments: (unary + binary).flatMap(\.cases))
    func elementwise(_ example: DerivativeCase) throws { try check(example) }

    @Test(arguments: layout + reductions + products + indexing + structure)
    func structural(_ example: DerivativeCase) throws { try check(example) }

    @Test func `no operation is missing from the tables`() {
        let cases = (Self.unary + Self.binary).flatMap(\.cases)
        let others = Self.layout + Self.reductions + Self.products + Self.indexing
        let text = (cases + others + Self.structure).map { example in
            let graph = Graph()
            let parameters = example.inputs.enumerated().map { index, input in
                graph.parameter("\(index)", input.shape)
            }
            return graph.program(named: "p", returning: example.function(parameters))
        }.joined()
        let families = Unary.allCases.map(\.name) + Binary.allCases.map(\.name)
        let single = [
            "select", "transpose", "reshape", "broadcast_in_dim", "reduce", "dot_general", "slice",
            "pad", "concatenate", "dynamic_slice", "dynamic_update_slice", "gather", "scatter",
            "optimization_barrier",
        ]
        for name in families + single.map({ "stablehlo.\($0)" }) {
            #expect(text.contains("\"\(name)\"("), "\(name)")
        }
    }

    private func check(_ example: DerivativeCase) throws {
        var random = RandomArrays(seed: 3)
        let inputs = example.inputs.map { input in
            switch input {
            case .uniform(let dimensions, let range): random.array(dimensions, in: range)
            case .indices(let values, let dimensions): HostArray(values, dimensions)
            }
        }
        try GradientCheck()(inputs, example.testDescription) { example.function($0) }
    }
}
