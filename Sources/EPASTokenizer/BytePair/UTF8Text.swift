/// Characters of valid UTF-8.
enum UTF8Text {
    /// Bytes of the character that begins with the byte.
    @inline(__always)
    static func width(_ first: UInt8) -> Int {
        first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
    }

    /// The character at a position, and its number of bytes.
    @inline(__always)
    static func scalar(
        _ text: UnsafeBufferPointer<UInt8>, at position: Int
    ) -> (scalar: Unicode.Scalar, width: Int) {
        let first = text[position]
        if first < 0x80 { return (Unicode.Scalar(first), 1) }
        let width = width(first)
        guard position + width <= text.count else { return ("\u{FFFD}", text.count - position) }
        var value = UInt32(first) & (0x7F >> UInt32(width))
        for offset in 1..<width { value = value << 6 | UInt32(text[position + offset] & 0x3F) }
        return (Unicode.Scalar(value) ?? "\u{FFFD}", width)
    }

    /// The character that ends before a position.
    static func scalar(
        _ text: UnsafeBufferPointer<UInt8>, before position: Int
    ) -> (scalar: Unicode.Scalar, width: Int) {
        var start = position - 1
        while start > 0, text[start] & 0xC0 == 0x80 { start -= 1 }
        return scalar(text, at: start)
    }

    static func forEachScalar(
        of bytes: some Sequence<UInt8>, _ body: (Unicode.Scalar) -> Void
    ) {
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        while true {
            switch decoder.decode(&iterator) {
            case .scalarValue(let scalar): body(scalar)
            case .emptyInput: return
            case .error: body("\u{FFFD}")
            }
        }
    }
}
