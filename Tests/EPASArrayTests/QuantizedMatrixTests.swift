import EPASArray
import EPASTesting
import Testing

struct QuantizedMatrixTests {
    /// Checks every element against half of its block's scale. The integer is rounded in double
    /// precision, whose error is far below one part in 2⁴⁰.
    private func check(_ matrix: HostArray) throws {
        let quantized = try QuantizedMatrix(matrix)
        let (rows, columns) = (matrix.shape.dimensions[0], matrix.shape.dimensions[1])
        let count = QuantizedMatrix.scaleCount(columns: columns)
        #expect(quantized.integers.shape == Shape(.int8, [rows, columns]))
        #expect(quantized.scales.shape == Shape(.float32, [rows, count]))
        let integers = quantized.integers.elements(as: Int8.self)
        let scales = quantized.scales.elements(as: Float.self)
        let restored = quantized.dequantized.elements(as: Float.self)
        #expect(integers.allSatisfy { $0 >= -127 })
        #expect(scales.allSatisfy { $0.isNormal && $0 > 0 })
        var largest = [Double](repeating: 0, count: rows * count)
        for (index, value) in matrix.converted(to: .float32).doubles().enumerated() {
            let block = index / columns * count + index % columns / 64
            let scale = Double(scales[block])
            let error = abs(value - Double(integers[index]) * scale)
            #expect(error <= scale / 2 * (1 + 0x1p-40), "element \(index), \(value)")
            #expect(restored[index] == Float(integers[index]) * scales[block])
            #expect(restored[index].isFinite)
            largest[block] = max(largest[block], abs(value))
        }
        // No larger than need be.
        for (scale, largest) in zip(scales, largest) {
            let needed = max(largest / 127, 0x1p-126)
            #expect(abs(Double(scale) - needed) <= needed * 0x1p-23)
        }
    }

    @Test(
        "elements are off by at most half of their block's scale",
        arguments: [ElementType.float32, .bfloat16, .float16, .float64],
        [(1, 1), (3, 64), (2, 63), (5, 65), (7, 200), (1, 1000), (130, 129), (400, 300)])
    func bound(type: ElementType, size: (rows: Int, columns: Int)) throws {
        var numbers = SplitMix(seed: UInt64(size.rows * 1000 + size.columns))
        let values = (0..<size.rows * size.columns).map { _ -> Double in
            // Few large ones among many small ones.
            let value = Double.random(in: -1..<1, using: &numbers)
            return Int.random(in: 0..<50, using: &numbers) == 0 ? 30 * value : 0.1 * value
        }
        try check(HostArray(values, [size.rows, size.columns]).converted(to: type))
    }

    @Test(
        "rows of special values",
        arguments: [
            [0], [-0.0], [.leastNonzeroMagnitude], [.leastNormalMagnitude, 0],
            [1e-40, -3e-39, 1.1e-38], [1e-37, 1e-40], [.greatestFiniteMagnitude],
            [-.greatestFiniteMagnitude, 1, 1e-45], [3.4e38, 3.39e38, -1.7e38],
            [1, -1, 0.5, 0.49999997, 0.003937008],
        ] as [[Float]])
    func special(values: [Float]) throws {
        for columns in [1, 63, 64, 65, 130] {
            // The last block has a part of the values, the first ones have all of them.
            let row = (0..<columns).map { values[$0 % values.count] }
            try check(HostArray(row + row.reversed(), [2, columns]))
        }
    }

    @Test("blocks do not disturb each other, zero rows stay zero")
    func blocks() throws {
        var values = [Float](repeating: 0, count: 3 * 130)
        values[130 + 64] = 1e30
        values[130 + 63] = 1
        values[130 + 128] = 1e-30
        let matrix = try QuantizedMatrix(HostArray(values, [3, 130]))
        let restored = matrix.dequantized.elements(as: Float.self)
        for (index, value) in restored.enumerated() {
            #expect(abs(value - values[index]) <= 0x1p-23 * values[index], "\(index)")
        }
    }

    @Test("matrices without elements", arguments: [(0, 5), (5, 0), (0, 0)])
    func empty(rows: Int, columns: Int) throws {
        let matrix = try QuantizedMatrix(HostArray([Float](), [rows, columns]))
        #expect(matrix.integers.shape.dimensions == [rows, columns])
        #expect(matrix.scales.shape.dimensions == [rows, columns == 0 ? 0 : 1])
        #expect(matrix.dequantized.shape.elementCount == 0)
    }

    @Test(
        "a number that is not finite is refused, the first one named",
        arguments: [Float.nan, -.nan, .signalingNaN, .infinity, -.infinity])
    func notFinite(value: Float) {
        for (rows, columns) in [(1, 1), (3, 70), (900, 200)] {
            var values = (0..<rows * columns).map { Float($0 % 7) }
            let place = rows * columns * 2 / 3
            values[place] = value
            values[rows * columns - 1] = value
            let matrix = HostArray(values, [rows, columns])
            let error = #expect(throws: QuantizationError.self) { try QuantizedMatrix(matrix) }
            #expect(
                error?.description
                    == "The element in row \(place / columns), column \(place % columns) is not a "
                    + "finite number. Quantize a matrix of finite numbers.")
        }
    }
}
