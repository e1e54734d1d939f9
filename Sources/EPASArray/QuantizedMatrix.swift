import Dispatch
import Synchronization

/// A matrix as 8-bit integers: an element is its integer times the scale of its block, which is 64
/// neighbours in a row, or what is left of them at the row's end.
///
/// A block's scale is a 127th of its largest magnitude, so that an element is off by at most half
/// of it, up to the rounding of float32. A scale is at least the smallest normal number, as the
/// devices take smaller ones for zero.
package struct QuantizedMatrix: Sendable {
    /// Elements with a common scale.
    package static let block = 64

    /// int8 [rows, columns], -127 to 127.
    package let integers: HostArray
    /// float32 [rows, columns / 64], rounded up.
    package let scales: HostArray

    /// The scales in a row of so many elements.
    package static func scaleCount(columns: Int) -> Int { (columns + block - 1) / block }

    /// Quantizes the rows of a floating-point matrix, on every core.
    ///
    /// - Throws: ``QuantizationError`` if an element is infinite or not a number.
    /// - Precondition: The array has two dimensions and a floating-point type.
    package init(_ matrix: HostArray) throws(QuantizationError) {
        precondition(matrix.shape.rank == 2, "\(matrix.shape) is no matrix")
        let (rows, columns) = (matrix.shape.dimensions[0], matrix.shape.dimensions[1])
        let count = Self.scaleCount(columns: columns)
        let firstBad = Mutex<Int?>(nil)
        var scales: HostArray?
        let values = matrix.converted(to: .float32)
        integers = HostArray(unzeroed: Shape(.int8, [rows, columns])) { integers in
            scales = HostArray(unzeroed: Shape(.float32, [rows, count])) { scales in
                values.withUnsafeBytes { values in
                    guard rows > 0, columns > 0 else { return }
                    let work = RowQuantization(
                        values: values.baseAddress!, columns: columns,
                        integers: integers.baseAddress!.assumingMemoryBound(to: Int8.self),
                        scales: scales.baseAddress!.assumingMemoryBound(to: Float.self))
                    // Enough at a time that a core's start costs nothing beside it.
                    let chunk = max(1, (1 << 16) / columns)
                    DispatchQueue.concurrentPerform(iterations: (rows + chunk - 1) / chunk) {
                        let range = $0 * chunk..<min(rows, ($0 + 1) * chunk)
                        guard let bad = work.quantize(range) else { return }
                        firstBad.withLock { $0 = min($0 ?? bad, bad) }
                    }
                }
            }
        }
        self.scales = scales!
        if let bad = firstBad.withLock({ $0 }) {
            throw QuantizationError(row: bad / columns, column: bad % columns)
        }
    }

    /// What the integers stand for, float32 [rows, columns].
    package var dequantized: HostArray {
        let (rows, columns) = (integers.shape.dimensions[0], integers.shape.dimensions[1])
        let count = Self.scaleCount(columns: columns)
        let numbers = integers.elements(as: Int8.self)
        let factors = scales.elements(as: Float.self)
        let values = numbers.indices.map { index in
            Float(numbers[index])
                * factors[index / columns * count + index % columns / Self.block]
        }
        return HostArray(values, [rows, columns])
    }
}

/// An element that has no place among the integers.
package struct QuantizationError: Error, Hashable, Sendable, CustomStringConvertible {
    package let row: Int
    package let column: Int

    package var description: String {
        "The element in row \(row), column \(column) is not a finite number. Quantize a matrix of finite numbers."
    }
}

/// The memory of a matrix that is being quantized; no two threads have the same rows.
private struct RowQuantization: @unchecked Sendable {
    /// Float32, of any alignment.
    let values: UnsafeRawPointer
    let columns: Int
    let integers: UnsafeMutablePointer<Int8>
    let scales: UnsafeMutablePointer<Float>

    /// - Returns: The place of the first element that is not finite.
    func quantize(_ rows: Range<Int>) -> Int? {
        var scale = scales + rows.lowerBound * QuantizedMatrix.scaleCount(columns: columns)
        for row in rows {
            var start = row * columns
            let end = start + columns
            while start < end {
                let next = min(start + QuantizedMatrix.block, end)
                guard let found = quantizeBlock(start..<next) else {
                    return (start..<next).first { !value($0).isFinite }
                }
                scale.pointee = found
                scale += 1
                start = next
            }
        }
        return nil
    }

    private func value(_ index: Int) -> Float {
        values.loadUnaligned(fromByteOffset: index * 4, as: Float.self)
    }

    /// - Returns: The scale; `nil` if an element is not finite.
    private func quantizeBlock(_ block: Range<Int>) -> Float? {
        // Bit patterns without the sign are ordered as magnitudes are.
        var largest: UInt32 = 0
        for index in block { largest = max(largest, value(index).bitPattern & 0x7FFF_FFFF) }
        guard largest < Float.infinity.bitPattern else { return nil }
        var scale = max(Float(bitPattern: largest) / 127, .leastNormalMagnitude)
        // The largest float32 numbers should not become infinite.
        if !(scale * 127).isFinite { scale = scale.nextDown }
        let inverse = 1 / Double(scale)
        for index in block {
            // Adding 1.5 · 2⁵² rounds to an integer, which is then in the lowest bits.
            let shifted = Double(value(index)) * inverse + 0x1.8p52
            integers[index] = Int8(truncatingIfNeeded: shifted.bitPattern)
        }
        return scale
    }
}
