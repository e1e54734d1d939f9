/// Writes JSON text, fast enough for the log-probabilities of long prompts.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    private var needsComma = false

    /// What stands for a log-probability that is not finite, since JSON has no such number.
    static let impossible: Float = -9999

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    mutating func object(_ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(UInt8(ascii: "{"))
        needsComma = false
        body(&self)
        bytes.append(UInt8(ascii: "}"))
        needsComma = true
    }

    mutating func array(_ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(UInt8(ascii: "["))
        needsComma = false
        body(&self)
        bytes.append(UInt8(ascii: "]"))
        needsComma = true
    }

    /// The key of the value that follows.
    mutating func key(_ name: String) {
        separate()
        quote(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    mutating func null() { literal("null") }
    mutating func value(_ value: Bool) { literal(value ? "true" : "false") }
    mutating func value(_ value: Int) { literal("\(value)") }

    /// The shortest text that reads back as the same number, so that equal values stay equal.
    mutating func value(_ value: Float) {
        literal("\(value.isFinite ? value : Self.impossible)")
    }

    mutating func value(_ text: String) {
        separate()
        quote(text)
    }

    mutating func field(_ name: String, _ value: String?) {
        key(name)
        if let value { self.value(value) } else { null() }
    }

    mutating func field(_ name: String, _ value: Int) {
        key(name)
        self.value(value)
    }

    mutating func field(_ name: String, _ value: Bool) {
        key(name)
        self.value(value)
    }

    private mutating func literal(_ text: String) {
        separate()
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): bytes.append(contentsOf: "\\\"".utf8)
            case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
            case UInt8(ascii: "\n"): bytes.append(contentsOf: "\\n".utf8)
            case 0..<0x20, 0x7F:
                let digits = Array("0123456789abcdef".utf8)
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
