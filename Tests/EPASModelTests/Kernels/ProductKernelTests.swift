import EPASArray
import EPASGraph
import EPASModel
import EPASRuntime
import EPASTesting
import Foundation
import Testing

/// The products of training: the function against its plain form, that against numbers computed
/// here, and both derivatives.
@Suite struct ProductKernelTests {
    struct Size: Sendable {
        let rows: Int
        let sum: Int
        let columns: Int
    }

    /// Around the sizes of tiles, panels and blocks.
    static let sizes = [
        Size(rows: 1, sum: 1, columns: 1), Size(rows: 3, sum: 33, columns: 7),
        Size(rows: 15, sum: 70, columns: 33), Size(rows: 230, sum: 17, columns: 40),
        Size(rows: 5, sum: 2100, columns: 9), Size(rows: 31, sum: 40, columns: 800),
    ]
    static let orders = [(false, false), (false, true), (true, false), (true, true)]

    static func inputs(
        _ size: Size, _ order: (Bool, Bool), _ type: ElementType, right rightType: ElementType,
        _ random: inout RandomArrays
    ) -> [HostArray] {
        let left = order.0 ? [size.sum, size.rows] : [size.rows, size.sum]
        let right = order.1 ? [size.columns, size.sum] : [size.sum, size.columns]
        return [random.array(left, as: type), random.array(right, as: rightType)]
    }

    static func expected(_ size: Size, _ order: (Bool, Bool), _ inputs: [HostArray]) -> HostArray {
        let a = inputs[0].doubles()
        let b = inputs[1].converted(to: inputs[0].shape.elementType).doubles()
        var result: [Double] = []
        for row in 0..<size.rows {
            for column in 0..<size.columns {
                var sum = 0.0
                for i in 0..<size.sum {
                    sum +=
                        a[order.0 ? i * size.rows + row : row * size.sum + i]
                        * b[order.1 ? column * size.sum + i : i * size.columns + column]
                }
                result.append(sum)
            }
        }
        return HostArray(result, [size.rows, size.columns])
    }

    /// Half a unit in the last place of a bfloat16 result; before that, in float32, a sum of up to
    /// 2100 products of magnitude up to 1, each rounded to 2⁻²⁴.
    static func check(_ size: Size, _ type: ElementType, kernels: Set<String>) throws {
        var random = RandomArrays(seed: 11)
        for (order, rightType) in orders.flatMap({ order in
            Set([type, .float32]).map { (order, $0) }
        }) {
            let inputs = inputs(size, order, type, right: rightType, &random)
            for result in Set([type, .float32]) {
                let kernel = ProductKernel(
                    transposesLeft: order.0, transposesRight: order.1, resultType: result)
                let actual = try KernelCase.run(kernel, inputs, kernels: kernels)[0]
                #expect(actual.shape.elementType == result)
                expectClose(
                    actual, expected(size, order, inputs).converted(to: result),
                    relative: result == .bfloat16 ? 0x1p-7 : 1e-5, absolute: 2e-5,
                    "\(size) \(order) \(type) \(rightType)")
            }
        }
    }

    @Test(arguments: sizes, [ElementType.float32, .bfloat16])
    func `the function multiplies`(size: Size, type: ElementType) throws {
        try Self.check(size, type, kernels: TestClient.shared.kernels)
    }

    @Test(arguments: sizes.prefix(3), [ElementType.float32, .bfloat16])
    func `the plain form multiplies`(size: Size, type: ElementType) throws {
        try Self.check(size, type, kernels: [])
    }

    /// A set that the processor lacks is not used in its place, but the best that it has.
    @Test(arguments: ["avx512", "avx2", "plain"])
    func `other instruction sets multiply, too`(set: String) async {
        await #expect(processExitsWith: .success) { [set = set as String] in
            setenv("EPAS_CPU_ISA", set, 1)
            for type in [ElementType.float32, .bfloat16] {
                for size in Self.sizes {
                    try Self.check(size, type, kernels: TestClient.shared.kernels)
                }
            }
        }
    }

    /// Both differentiate by products of the same numbers, rounded once each.
    @Test(arguments: [ElementType.float32, .bfloat16])
    func `derivatives are those of the plain form`(type: ElementType) throws {
        let size = Size(rows: 21, sum: 50, columns: 35)
        var random = RandomArrays(seed: 12)
        let weight = random.array([21, 35], as: .float32)
        for (order, rightType) in Self.orders.flatMap({ order in
            Set([type, .float32]).map { (order, $0) }
        }) {
            let inputs = Self.inputs(size, order, type, right: rightType, &random)
            func derivatives(_ kernels: Set<String>) throws -> [HostArray] {
                let graph = Graph(kernels: kernels)
                let operands = inputs.enumerated().map {
                    graph.parameter("x\($0.offset)", $0.element.shape)
                }
                let kernel = ProductKernel(
                    transposesLeft: order.0, transposesRight: order.1, resultType: .float32)
                let y = graph.apply(kernel, operands)[0]
                let found = gradients(
                    of: (y * graph.constant(weight)).sum(over: [0, 1]), withRespectTo: operands)
                return try evaluate(found.map { try #require($0) }, inputs)
            }
            let pairs = zip(
                try derivatives(TestClient.shared.kernels), try derivatives([]))
            for (actual, expected) in pairs {
                expectClose(
                    actual, expected, relative: type == .bfloat16 ? 0x1p-7 : 1e-5,
                    absolute: 2e-5, "\(order) \(rightType)")
            }
        }
    }

    @Test func `operands that do not fit are refused`() {
        func f(_ dimensions: Int...) -> Shape { Shape(.float32, dimensions) }
        func b(_ dimensions: Int...) -> Shape { Shape(.bfloat16, dimensions) }
        func expectRefusal(_ kernel: ProductKernel, _ operands: [Shape], _ text: String) {
            let error = #expect(throws: ShapeError.self) { try kernel.resultShapes(operands) }
            #expect(error?.operation == "epas.product")
            #expect(error?.requirement == text)
        }
        let matrices =
            "two matrices of float32 or bfloat16, at least one row, the right one of the left "
            + "one's type or float32"
        let plain = ProductKernel(resultType: .float32)
        for operands in [
            [], [f(2, 3)], [f(0, 3), f(3, 2)], [f(2, 3), b(3, 2)], [b(2, 3), b(0, 2)],
            [f(2, 3), f(3, 0)], [f(2, 3), f(3)], [Shape(.int32, [2, 3]), Shape(.int32, [3, 2])],
        ] {
            expectRefusal(plain, operands, matrices)
        }
        let sizes = "equal sizes in dimension"
        expectRefusal(
            plain, [f(2, 3), f(2, 3)], "\(sizes) 1 of the left and 0 of the right operand")
        expectRefusal(
            ProductKernel(transposesLeft: true, transposesRight: true, resultType: .float32),
            [f(2, 3), f(2, 3)], "\(sizes) 0 of the left and 1 of the right operand")
        expectRefusal(
            ProductKernel(resultType: .bfloat16), [f(2, 3), f(3, 2)],
            "a result of the left operand's type or of float32, not bfloat16")
    }
}
