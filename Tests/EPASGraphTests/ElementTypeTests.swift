import EPASArray
import EPASGraph
import EPASTesting
import Testing

/// Every element type through the compiler and back.
@Suite struct ElementTypeTests {
    let graph = Graph()

    @Test func `a program with every element type`() throws {
        let inputs = ElementType.allCases.map { HostArray.zeros(Shape($0, [2])) }
        let parameters = inputs.map { graph.parameter("\($0.shape.elementType)", $0.shape) }
        let ones = parameters.map { $0.filled(with: 1) }
        let sums = zip(parameters, ones).map { $0.elementType == .bool ? $0 | $1 : $0 + $1 }
        let values = try evaluate(sums, inputs)
        #expect(values.map(\.shape) == inputs.map(\.shape))
        #expect(values.map { $0.doubles() } == inputs.map { _ in [1, 1] })
    }

    static let arrays: [HostArray] = [
        HostArray([true, false, true], [3]),
        HostArray([Int8.min, -1, Int8.max], [3]),
        HostArray([Int32.min, -1, Int32.max], [3]),
        HostArray([Int64.min, -1, Int64.max], [3]),
        HostArray([UInt8.max, 1], [2]),
        HostArray([UInt32.max, 1], [2]),
        HostArray([UInt64.max, 1], [2]),
        HostArray(
            [Float16.greatestFiniteMagnitude, .leastNonzeroMagnitude, -0.0, .infinity, 0.1, .nan],
            [6]),
        HostArray(
            [0x7F7F, 0x0001, 0x8000, 0xFF80, 0x3DCD, 0x7FC0].map { BFloat16(bitPattern: $0) }, [6]),
        HostArray(
            [
                Float.greatestFiniteMagnitude, .leastNonzeroMagnitude, -0.0, -.infinity, 0.1, 1e-5,
                16_777_215, .pi, .nan,
            ], [9]),
        HostArray(
            [
                Double.greatestFiniteMagnitude, .leastNonzeroMagnitude, -0.0, .infinity, 0.1,
                1e-300, 1e22, 9_007_199_254_740_991, .pi, .nan,
            ], [10]),
    ]

    @Test(arguments: arrays)
    func `constants keep every bit`(_ array: HostArray) throws {
        // In brackets, as a scalar of each element, and as a blob of bytes.
        let count = array.shape.elementCount
        let nested = graph.constant(array)
        let column = graph.constant(array.reshaped([count, 1]))
        let blob = graph.constant(array.repeated(100))
        let values = try evaluate([nested, column, blob])
        #expect(values[0].bytes == array.bytes)
        #expect(values[1].bytes == array.bytes)
        #expect(values[2].bytes == array.repeated(100).bytes)
    }

    @Test func `numbers are rounded to the type`() throws {
        let types: [ElementType] = [.float16, .bfloat16, .float32, .float64]
        for value in [0.1, -1e-7, 65_519.0, 1e39, .infinity, -0.0, 1.0 / 3] {
            let constants = types.map { graph.constant(value, Shape($0, [2])) }
            let values = try evaluate(constants)
            for (type, actual) in zip(types, values) {
                #expect(actual.bytes == HostArray([value, value], [2]).converted(to: type).bytes)
            }
        }
    }

    @Test func `empty arrays and empty reductions`() throws {
        let empty = graph.constant(HostArray([Float](), [0, 3]))
        let values = try evaluate([
            empty, empty.sum(over: [0]), empty.max(over: [0]), graph.constant(1, empty.shape),
        ])
        #expect(values[0].shape == empty.shape)
        #expect(values[1].doubles() == [0, 0, 0])
        #expect(values[2].doubles() == [Double](repeating: -.infinity, count: 3))
        #expect(values[3].shape == empty.shape)
    }

    @Test(arguments: ElementType.allCases)
    func `every reduction of every type that has it`(_ type: ElementType) throws {
        let mask = graph.constant(HostArray([true, false, true, true, false, false], [3, 2]))
        let x = mask.converted(to: type)
        let results: [(Tensor, [Double])] =
            switch type {
            case .bool:
                [(x.all(over: [0]), [0, 0]), (x.any(over: [1]), [1, 1, 0])]
            case _ where type.isInteger:
                [
                    (x.all(over: [1]), [0, 1, 0]), (x.any(over: [0]), [1, 1]),
                    (x.sum(over: [0]), [2, 1]), (x.max(over: [1]), [1, 1, 0]),
                    (x.min(over: [1]), [0, 1, 0]),
                ]
            default:
                [
                    (x.sum(over: [0]), [2, 1]), (x.max(over: [1]), [1, 1, 0]),
                    (x.min(over: [1]), [0, 1, 0]), (x.mean(over: [1]), [0.5, 1, 0]),
                ]
            }
        let values = try evaluate(results.map(\.0))
        #expect(values.map { $0.doubles() } == results.map(\.1))
    }

    @Test func `comparisons order by the type`() throws {
        let unsigned = graph.constant(HostArray([UInt8(200), 1], [2]))
        let signed = graph.constant(HostArray([Int8(-56), 1], [2]))
        let float = graph.constant(HostArray([Float.nan, 1], [2]))
        let tests: [(Tensor, [Double])] = [
            (unsigned.compared(.greater, to: 100), [1, 0]),
            (signed.compared(.less, to: 0), [1, 0]),
            (float.compared(.equal, to: float), [0, 1]),
            (float.compared(.notEqual, to: float), [1, 0]),
            (float.compared(.greaterOrEqual, to: 1), [0, 1]),
            (float.compared(.lessOrEqual, to: 1), [0, 1]),
            (float.isFinite(), [0, 1]),
            (!float.isFinite() ^ float.isFinite(), [1, 1]),
            (float.isFinite() & float.compared(.less, to: 0), [0, 0]),
        ]
        let values = try evaluate(tests.map(\.0))
        #expect(values.map { $0.doubles() } == tests.map(\.1))
    }

    @Test func `only what was widened without rounding has a narrower form`() {
        func parameter(_ type: ElementType) -> Tensor {
            graph.parameter("\(type)", Shape(type, [2]))
        }
        let (narrow, wide) = (parameter(.bfloat16), parameter(.float32))
        #expect(narrow.converted(to: .float32).unwidened.id == narrow.id)
        let others = [
            narrow, wide, wide.converted(to: .bfloat16), narrow.converted(to: .float64),
            parameter(.float64).converted(to: .float32), parameter(.int32).converted(to: .float32),
            narrow.converted(to: .float32) + wide,
        ]
        for tensor in others { #expect(tensor.unwidened.id == tensor.id) }
    }

    @Test func `iota counts along its axis`() throws {
        let types: [ElementType] = [.int32, .uint8, .bfloat16]
        let values = try evaluate(
            types.flatMap { type in
                [0, 1].map { graph.iota(Shape(type, [2, 3]), along: $0) }
            })
        let expected: [[Double]] = [[0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2]]
        #expect(values.map { $0.doubles() } == types.flatMap { _ in expected })
    }
}

extension HostArray {
    fileprivate var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    fileprivate func reshaped(_ dimensions: [Int]) -> HostArray {
        HostArray(Shape(shape.elementType, dimensions)) { target in
            withUnsafeBytes { target.copyMemory(from: $0) }
        }
    }

    /// `count` copies, one after the other.
    fileprivate func repeated(_ count: Int) -> HostArray {
        let bytes = (0..<count).flatMap { _ in self.bytes }
        return HostArray(Shape(shape.elementType, [count, shape.elementCount])) { target in
            bytes.withUnsafeBytes { target.copyMemory(from: $0) }
        }
    }
}
