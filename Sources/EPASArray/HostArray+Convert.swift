import Dispatch

extension HostArray {
    /// Returns the elements as numbers in double precision; `true` is 1.
    package func doubles() -> [Double] {
        switch shape.elementType {
        case .bool: elements(as: Bool.self).map { $0 ? 1 : 0 }
        case .int8: elements(as: Int8.self).map(Double.init)
        case .int32: elements(as: Int32.self).map(Double.init)
        case .int64: elements(as: Int64.self).map(Double.init)
        case .uint8: elements(as: UInt8.self).map(Double.init)
        case .uint32: elements(as: UInt32.self).map(Double.init)
        case .uint64: elements(as: UInt64.self).map { Double($0) }
        case .float16: elements(as: Float16.self).map(Double.init)
        case .bfloat16: elements(as: BFloat16.self).map { Double(Float($0)) }
        case .float32: elements(as: Float.self).map(Double.init)
        case .float64: elements(as: Double.self)
        }
    }

    /// Returns the array in another floating-point type, rounding to nearest even; from float64
    /// to bfloat16 by way of float32. Large arrays are converted on every core.
    ///
    /// - Precondition: both types are floating-point.
    package func converted(to elementType: ElementType) -> HostArray {
        if elementType == shape.elementType { return self }
        precondition(
            elementType.isFloatingPoint && shape.elementType.isFloatingPoint,
            "no conversion from \(shape.elementType) to \(elementType)")
        return switch shape.elementType {
        case .bfloat16: converted(to: elementType) { (value: BFloat16) in Float(value) }
        case .float16: converted(to: elementType) { (value: Float16) in Float(widening: value) }
        case .float32: converted(to: elementType) { (value: Float) in value }
        default:
            switch elementType {
            case .float16: mapped { (value: Double) in Float16(value) }
            case .bfloat16: mapped { (value: Double) in BFloat16(Float(value)) }
            default: mapped { (value: Double) in Float(value) }
            }
        }
    }

    /// Converts elements that float32 holds exactly.
    @inline(__always)
    private func converted<Element: HostElement>(
        to elementType: ElementType, _ widened: @Sendable (Element) -> Float
    ) -> HostArray {
        switch elementType {
        case .float16: mapped { (value: Element) in Float16(widened(value)) }
        case .bfloat16: mapped { (value: Element) in BFloat16(widened(value)) }
        case .float32: mapped { (value: Element) in widened(value) }
        default: mapped { (value: Element) in Double(widened(value)) }
        }
    }

    /// Applies a function to every element, in blocks that cores share.
    @inline(__always)
    private func mapped<Element: HostElement, Result: HostElement>(
        _ transform: @Sendable (Element) -> Result
    ) -> HostArray {
        let count = shape.elementCount
        return HostArray(unzeroed: shape.with(Result.elementType)) { output in
            withUnsafeBytes { input in
                guard count > 0 else { return }
                let places = Places(input: input.baseAddress!, output: output.baseAddress!)
                let block = 1 << 18
                @Sendable func convert(_ index: Int) {
                    let results = places.output.assumingMemoryBound(to: Result.self)
                    for i in index * block..<min(count, (index + 1) * block) {
                        // The input may be a mapped file's, which need not be aligned.
                        let value = places.input.loadUnaligned(
                            fromByteOffset: i * MemoryLayout<Element>.stride, as: Element.self)
                        results[i] = transform(value)
                    }
                }
                let blocks = (count + block - 1) / block
                if blocks == 1 {
                    convert(0)
                } else {
                    DispatchQueue.concurrentPerform(iterations: blocks) { convert($0) }
                }
            }
        }
    }
}

/// Memory whose user promises that no two threads touch the same element of the output.
private struct Places: @unchecked Sendable {
    let input: UnsafeRawPointer
    let output: UnsafeMutableRawPointer
}

extension Float {
    /// The value of a half, exactly; the hardware's conversion is not in every processor that the
    /// compiler builds for, and this form is made of operations that it can vectorize.
    init(widening half: Float16) {
        let bits = UInt32(half.bitPattern)
        let magnitude = (bits & 0x7FFF) << 13
        // The exponent's bias is 15 in a half and 127 in a float; subnormal halves become normal.
        let value = Float(bitPattern: magnitude) * 0x1p112
        // All ones in the exponent are infinity or not a number in both.
        let special: UInt32 = magnitude >= 0x0F80_0000 ? 0x7F80_0000 : 0
        self.init(bitPattern: value.bitPattern | special | (bits & 0x8000) << 16)
    }
}
