import EPASArray
import EPASGraph
import EPASModel
import EPASRuntime
import EPASTesting
import Foundation
import Testing

@Suite struct CrossEntropyKernelTests {
    struct Size: Sendable {
        let rows: Int
        let width: Int
        let classes: Int
    }

    static let sizes = [
        Size(rows: 1, width: 1, classes: 1), Size(rows: 3, width: 17, classes: 50),
        Size(rows: 230, width: 5, classes: 33),
    ]

    /// The weight is float32 where a size has an odd number of rows.
    static func inputs(_ size: Size, _ type: ElementType) -> [HostArray] {
        var random = RandomArrays(seed: 21)
        let targets = (0..<size.rows).map { _ in
            Int32(random.next() % UInt64(size.classes))
        }
        return [
            random.array([size.rows, size.width], as: type),
            random.array(
                [size.classes, size.width], as: size.rows.isMultiple(of: 2) ? type : .float32),
            HostArray(targets, [size.rows]),
        ]
    }

    /// The losses, and derivatives of their sum, each with a factor of its own.
    static func run(
        _ size: Size, _ type: ElementType, kernels: Set<String>
    ) throws -> [HostArray] {
        let inputs = inputs(size, type)
        let graph = Graph(kernels: kernels)
        let operands = inputs.enumerated().map {
            graph.parameter("x\($0.offset)", $0.element.shape)
        }
        let losses = graph.apply(CrossEntropyKernel(), operands)[0]
        let factors = graph.constant(
            HostArray((0..<size.rows).map { Float($0 % 7) - 2.5 }, [size.rows]))
        let found = gradients(
            of: (losses * factors).sum(over: [0]), withRespectTo: Array(operands.prefix(2)))
        return try evaluate([losses] + found.map { try #require($0) }, inputs)
    }

    /// In float32 both err by sums of up to 230 products in another order. In bfloat16 they round the
    /// logits' derivatives at different places, by 2⁻⁹ each: a relative error of their sums' terms.
    static func check(_ type: ElementType, kernels: Set<String>) throws {
        for size in sizes {
            let results = zip(
                try run(size, type, kernels: kernels), try run(size, type, kernels: []))
            for (index, (actual, expected)) in results.enumerated() {
                let isNarrow = type == .bfloat16 && index > 0
                let norm = expected.doubles().map(abs).max() ?? 0
                expectClose(
                    actual, expected, relative: isNarrow ? 0x1p-7 : 1e-5,
                    absolute: isNarrow ? 0x1p-7 * norm : 2e-5, "result \(index) of \(size)")
            }
        }
    }

    @Test(arguments: [ElementType.float32, .bfloat16])
    func `losses and derivatives are the plain form's`(type: ElementType) throws {
        try Self.check(type, kernels: TestClient.shared.kernels)
    }

    @Test(arguments: ["avx512", "avx2", "plain"])
    func `other instruction sets compute them, too`(set: String) async {
        await #expect(processExitsWith: .success) { [set = set as String] in
            setenv("EPAS_CPU_ISA", set, 1)
            for type in [ElementType.float32, .bfloat16] {
                try Self.check(type, kernels: TestClient.shared.kernels)
            }
        }
    }

    /// Against double precision: log Σ exp(z) - z of the target, and softmax(z) less one there.
    @Test(arguments: [false, true])
    func `the results are what they are called`(hasKernels: Bool) throws {
        for size in Self.sizes {
            let inputs = Self.inputs(size, .float32)
            let (x, w) = (inputs[0].doubles(), inputs[1].doubles())
            let targets = inputs[2].elements(as: Int32.self)
            var (losses, derivatives): ([Double], [Double]) = ([], [])
            for row in 0..<size.rows {
                let logits = (0..<size.classes).map { c in
                    (0..<size.width).reduce(0) {
                        $0 + x[row * size.width + $1] * w[c * size.width + $1]
                    }
                }
                let total = logits.reduce(0) { $0 + exp($1) }
                losses.append(log(total) - logits[Int(targets[row])])
                derivatives += logits.enumerated().map {
                    exp($0.element) / total - ($0.offset == Int(targets[row]) ? 1 : 0)
                }
            }
            let graph = Graph(kernels: hasKernels ? try TestClient.shared.kernels : [])
            let operands = inputs.enumerated().map {
                graph.parameter("x\($0.offset)", $0.element.shape)
            }
            let results = try evaluate(graph.apply(CrossEntropyKernel(), operands), inputs)
            let expected = [
                HostArray(losses, [size.rows]),
                HostArray(derivatives, [size.rows, size.classes]),
            ]
            for (actual, expected) in zip(results, expected) {
                // Sums of 17 products of at most 1, in float32.
                expectClose(
                    actual, expected.converted(to: .float32), relative: 1e-5, absolute: 4e-6)
            }
        }
    }

    @Test func `operands that do not fit are refused`() {
        func f(_ dimensions: Int...) -> Shape { Shape(.float32, dimensions) }
        func i(_ dimensions: Int...) -> Shape { Shape(.int32, dimensions) }
        for operands in [
            [], [f(2, 3), f(5, 3)], [f(0, 3), f(5, 3), i(0)], [f(2, 3), f(5, 4), i(2)],
            [f(2, 3), f(5, 3), i(3)], [f(2, 3), f(5, 3), f(2)],
            [f(2, 3), Shape(.bfloat16, [5, 3]), i(2)], [f(2, 3), f(0, 3), i(2)],
        ] {
            let error = #expect(throws: ShapeError.self) {
                try CrossEntropyKernel().resultShapes(operands)
            }
            #expect(error?.operation == "epas.cross_entropy")
            #expect(
                error?.requirement
                    == "rows x [M, D] of float32 or bfloat16, at least one row, a weight [V, D] of "
                    + "their type or float32, and targets [M] of int32")
        }
    }
}
