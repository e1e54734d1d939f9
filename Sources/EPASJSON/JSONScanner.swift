/// Reads JSON (RFC 8259) from bytes piece by piece, storing nothing.
///
/// Strict: no comments, no trailing commas, no lone surrogates, UTF-8 only. Foundation's parser
/// merges duplicate keys silently, and here a file decides nothing silently.
package struct JSONScanner {
    /// Where and why the text is not JSON, or not what was asked for.
    package struct Failure: Error {
        package let offset: Int
        package let problem: String

        package init(offset: Int, problem: String) {
            self.offset = offset
            self.problem = problem
        }
    }

    /// Collections inside collections accepted.
    package static let depthLimit = 64
    /// Bytes of a string accepted: what one text may make us store.
    package static let stringLimit = 1 << 24

    private let bytes: UnsafeRawBufferPointer
    package private(set) var position = 0

    package init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    package func failure(_ problem: String) -> Failure {
        Failure(offset: position, problem: problem)
    }

    /// The next byte that is no white space, not consumed.
    package mutating func peek() -> UInt8? {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            case let byte: return byte
            }
        }
        return nil
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    package mutating func beginObject() throws(Failure) {
        guard take(UInt8(ascii: "{")) else { throw failure("an object is expected") }
    }

    package mutating func beginArray() throws(Failure) {
        guard take(UInt8(ascii: "[")) else { throw failure("an array is expected") }
    }

    /// The next key of the object begun, with its colon; nil at its end.
    package mutating func nextKey(isFirst: Bool) throws(Failure) -> String? {
        if take(UInt8(ascii: "}")) { return nil }
        if !isFirst, !take(UInt8(ascii: ",")) { throw failure("a comma or } is expected") }
        guard peek() == UInt8(ascii: "\"") else { throw failure("a key is expected") }
        let key = try string()
        guard take(UInt8(ascii: ":")) else { throw failure("a colon is expected") }
        return key
    }

    /// Whether the array begun has another element.
    package mutating func hasElement(isFirst: Bool) throws(Failure) -> Bool {
        if take(UInt8(ascii: "]")) { return false }
        if !isFirst, !take(UInt8(ascii: ",")) { throw failure("a comma or ] is expected") }
        return true
    }

    /// Checks that only white space follows.
    package mutating func end() throws(Failure) {
        if peek() != nil { throw failure("nothing is expected after the value") }
    }

    package mutating func string() throws(Failure) -> String {
        guard take(UInt8(ascii: "\"")) else { throw failure("a string is expected") }
        var decoded: [UInt8]?
        let start = position
        while position < bytes.count {
            guard position - start <= Self.stringLimit else {
                throw failure("a string is too long")
            }
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                let raw = UnsafeRawBufferPointer(rebasing: bytes[start..<position])
                let text =
                    if let decoded {
                        String(validating: decoded, as: UTF8.self)
                    } else {
                        String(validating: raw, as: UTF8.self)
                    }
                guard let text else { throw failure("a string is not UTF-8") }
                position += 1
                return text
            case UInt8(ascii: "\\"):
                if decoded == nil { decoded = Array(bytes[start..<position]) }
                position += 1
                decoded?.append(contentsOf: Array(String(try escape()).utf8))
            case 0..<0x20:
                throw failure("a control character stands in a string")
            default:
                decoded?.append(byte)
                position += 1
            }
        }
        throw failure("a string has no end")
    }

    /// The character of an escape, after its backslash.
    private mutating func escape() throws(Failure) -> Unicode.Scalar {
        guard position < bytes.count else { throw failure("a string has no end") }
        position += 1
        switch bytes[position - 1] {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            let unit = try codeUnit()
            if let scalar = Unicode.Scalar(unit) { return scalar }
            // A high surrogate, then an escaped low one.
            guard (0xD800...0xDBFF).contains(unit), position + 1 < bytes.count,
                bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u")
            else { throw failure("a surrogate stands alone") }
            position += 2
            let low = try codeUnit()
            guard (0xDC00...0xDFFF).contains(low),
                let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
            else { throw failure("a surrogate stands alone") }
            return scalar
        default: throw failure("an escape is unknown")
        }
    }

    /// Four hexadecimal digits.
    private mutating func codeUnit() throws(Failure) -> UInt32 {
        guard position + 4 <= bytes.count else { throw failure("an escape is cut off") }
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
                throw failure("an escape is not hexadecimal")
            }
            unit = unit << 4 | UInt32(digit)
            position += 1
        }
        return unit
    }

    /// A number's text.
    package mutating func number() throws(Failure) -> String {
        guard peek() != nil else { throw failure("a number is expected") }
        let start = position
        func isDigit(_ index: Int) -> Bool {
            index < bytes.count && (0x30...0x39).contains(bytes[index])
        }
        func next(is characters: String) -> Bool {
            position < bytes.count && characters.utf8.contains(bytes[position])
        }
        if next(is: "-") { position += 1 }
        guard isDigit(position) else { throw failure("a number is expected") }
        if next(is: "0"), isDigit(position + 1) { throw failure("a number begins with 0") }
        while isDigit(position) { position += 1 }
        if next(is: ".") {
            position += 1
            guard isDigit(position) else { throw failure("a number is cut off") }
            while isDigit(position) { position += 1 }
        }
        if next(is: "eE") {
            position += 1
            if next(is: "+-") { position += 1 }
            guard isDigit(position) else { throw failure("a number is cut off") }
            while isDigit(position) { position += 1 }
        }
        guard position - start <= 400 else { throw failure("a number is too long") }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// `true`, `false` or `null`.
    package mutating func word() throws(Failure) -> String {
        _ = peek()
        for word in ["true", "false", "null"]
        where bytes[position...].prefix(word.utf8.count).elementsEqual(word.utf8) {
            position += word.utf8.count
            return word
        }
        throw failure("a value is expected")
    }

    /// Passes over a value, checking its form.
    package mutating func skipValue(depth: Int = 0) throws(Failure) {
        guard depth <= Self.depthLimit else { throw failure("the nesting is too deep") }
        var isFirst = true
        switch peek() {
        case UInt8(ascii: "{"):
            try beginObject()
            while try nextKey(isFirst: isFirst) != nil {
                isFirst = false
                try skipValue(depth: depth + 1)
            }
        case UInt8(ascii: "["):
            try beginArray()
            while try hasElement(isFirst: isFirst) {
                isFirst = false
                try skipValue(depth: depth + 1)
            }
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"): _ = try word()
        default: _ = try number()
        }
    }
}
