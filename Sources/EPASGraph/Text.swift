// StableHLO's spelling of types, numbers and attributes.
//
// Grammar: <https://mlir.llvm.org/docs/LangRef/> and <https://openxla.org/stablehlo/spec>.

package import EPASArray

extension ElementType {
    /// The MLIR name, such as `bf16`.
    package var text: String {
        switch self {
        case .bool: "i1"
        case .int8: "i8"
        case .int32: "i32"
        case .int64: "i64"
        case .uint8: "ui8"
        case .uint32: "ui32"
        case .uint64: "ui64"
        case .float16: "f16"
        case .bfloat16: "bf16"
        case .float32: "f32"
        case .float64: "f64"
        }
    }
}

extension Shape {
    /// The MLIR type, such as `tensor<4x512xbf16>`.
    package var text: String {
        "tensor<" + dimensions.map { "\($0)x" }.joined() + elementType.text + ">"
    }
}

/// Spells lists and literals.
enum Text {
    /// `array<i64: 1, 0>`
    static func array(_ values: [Int]) -> String {
        values.isEmpty ? "array<i64>" : "array<i64: \(list(values))>"
    }

    /// `[1, 0]`
    static func brackets(_ values: [Int]) -> String { "[\(list(values))]" }

    static func list(_ values: [Int]) -> String {
        values.map(String.init).joined(separator: ", ")
    }

    /// A string literal, with what MLIR cannot hold in quotes escaped as hexadecimal bytes.
    static func quoted(_ string: String) -> String {
        var text = "\""
        for byte in string.utf8 {
            if byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                text.append(Character(UnicodeScalar(byte)))
            } else {
                text += "\\" + hexadecimal(UInt64(byte), digits: 2)
            }
        }
        return text + "\""
    }

    static func hexadecimal(_ value: UInt64, digits: Int) -> String {
        let text = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    /// A floating-point literal that MLIR reads back to exactly `value`.
    ///
    /// MLIR reads decimals in double precision and then rounds to the type; where that would not
    /// give `value` back, and for infinities and NaNs, the literal is the bit pattern.
    static func literal(_ value: Double) -> String {
        guard value.isFinite else { return "0x" + hexadecimal(value.bitPattern, digits: 16) }
        return withPoint("\(value)")
    }

    static func literal(_ value: Float) -> String {
        let text = "\(value)"
        guard value.isFinite, let read = Double(text), Float(read) == value else {
            return "0x" + hexadecimal(UInt64(value.bitPattern), digits: 8)
        }
        return withPoint(text)
    }

    static func literal(_ value: Float16) -> String {
        let text = "\(value)"
        guard value.isFinite, let read = Double(text), Float16(read) == value else {
            return "0x" + hexadecimal(UInt64(value.bitPattern), digits: 4)
        }
        return withPoint(text)
    }

    static func literal(_ value: BFloat16) -> String {
        // The exact value as a `Double`, so that rounding to bf16 has nothing to do.
        let exact = Double(Float(value))
        guard exact.isFinite else {
            return "0x" + hexadecimal(UInt64(value.bitPattern), digits: 4)
        }
        return withPoint("\(exact)")
    }

    /// MLIR wants a decimal point: `1e-05` is spelled `1.0e-05`.
    private static func withPoint(_ text: String) -> String {
        guard !text.contains(".") else { return text }
        guard let exponent = text.firstIndex(of: "e") else { return text + ".0" }
        return text[..<exponent] + ".0" + text[exponent...]
    }
}
