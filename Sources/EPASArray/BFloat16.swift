/// A brain floating-point number: the upper half of a `Float`'s bits.
package struct BFloat16: BitwiseCopyable, Hashable, Sendable {
    package let bitPattern: UInt16

    package init(bitPattern: UInt16) {
        self.bitPattern = bitPattern
    }

    /// Rounds to nearest, ties to even; a NaN stays a (quiet) NaN.
    package init(_ value: Float) {
        let bits = value.bitPattern
        if value.isNaN {
            bitPattern = UInt16(truncatingIfNeeded: bits >> 16) | 0x0040
        } else {
            // Cannot overflow: the largest non-NaN pattern is 0xFF80_0000.
            bitPattern = UInt16((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)
        }
    }
}

extension Float {
    package init(_ value: BFloat16) {
        self.init(bitPattern: UInt32(value.bitPattern) << 16)
    }
}
