// The rules are those of Jinja2 3.1.6, lexer.py, with `trim_blocks` and `lstrip_blocks`, which
// transformers sets.

/// Cuts a template into tokens.
struct Lexer {
    enum Kind: Equatable {
        case data(Text)
        case printBegin, printEnd
        case blockBegin, blockEnd
        case name(String)
        case string(Text)
        case integer(Int)
        case float(Double)
        case symbol(String)
        case end
    }

    struct Token: Equatable {
        let kind: Kind
        let line: Int
    }

    private let source: [UInt32]
    private var position = 0
    private var line = 1
    private var tokens: [Token] = []
    /// Whether the character before the position ends a line.
    private var startsLine = true

    private init(_ source: String) {
        self.source = Self.withLineFeeds(source)
    }

    /// Line ends become line feeds, and one at the end is dropped.
    private static func withLineFeeds(_ source: String) -> [UInt32] {
        var units: [UInt32] = []
        var last: UInt32 = 0
        for unit in source.unicodeScalars.lazy.map(\.value) {
            if unit != 0x0A || last != 0x0D { units.append(unit == 0x0D ? 0x0A : unit) }
            last = unit
        }
        if units.last == 0x0A { units.removeLast() }
        return units
    }

    static func tokens(_ source: String) throws -> [Token] {
        var lexer = Lexer(source)
        try lexer.run()
        return lexer.tokens
    }

    // MARK: - Reading

    private func failure(_ problem: String) -> TemplateError {
        TemplateError(.template, line: line, problem)
    }

    private func looking(at text: StaticString, from start: Int) -> Bool {
        guard start + text.utf8CodeUnitCount <= source.count else { return false }
        for offset in 0..<text.utf8CodeUnitCount
        where source[start + offset] != UInt32(text.utf8Start[offset]) {
            return false
        }
        return true
    }

    private func byte(_ index: Int) -> UInt32 { index < source.count ? source[index] : 0 }

    private mutating func advance(to end: Int) {
        for index in position..<end where source[index] == 0x0A { line += 1 }
        if end > position { startsLine = source[end - 1] == 0x0A } else { startsLine = false }
        position = end
    }

    private func skippingSpace(_ start: Int) -> Int {
        var end = start
        while end < source.count, isSpace(source[end]) { end += 1 }
        return end
    }

    // MARK: - Template text

    private enum Opening {
        case print, block, comment
        /// With the end of the whole tag.
        case raw(Int)
    }

    private mutating func run() throws {
        while position < source.count {
            guard let (start, opening) = nextOpening() else {
                add(.data(Text(source[position...])))
                advance(to: source.count)
                break
            }
            let sign = byte(start + 2)
            addText(
                upTo: start, sign: sign,
                isPrint: { if case .print = opening { true } else { false } }())
            let end = start + 2 + (sign == 0x2D || sign == 0x2B ? 1 : 0)
            switch opening {
            case .comment:
                advance(to: end)
                try skipComment()
            case .raw(let end):
                advance(to: end)
                try readRaw()
            case .print:
                advance(to: end)
                add(.printBegin)
                try readTag(isPrint: true)
            case .block:
                advance(to: end)
                add(.blockBegin)
                try readTag(isPrint: false)
            }
        }
        add(.end)
    }

    private mutating func add(_ kind: Kind) { tokens.append(Token(kind: kind, line: line)) }

    private func nextOpening() -> (Int, Opening)? {
        var index = position
        while index + 1 < source.count {
            if source[index] == 0x7B {
                switch source[index + 1] {
                case 0x7B: return (index, .print)
                case 0x23: return (index, .comment)
                case 0x25: return (index, rawEnd(from: index).map { .raw($0) } ?? .block)
                default: break
                }
            }
            index += 1
        }
        return nil
    }

    /// The end of `{% raw %}` if it begins here.
    private func rawEnd(from start: Int) -> Int? {
        var index = start + 2
        if byte(index) == 0x2D || byte(index) == 0x2B { index += 1 }
        index = skippingSpace(index)
        guard looking(at: "raw", from: index) else { return nil }
        index = skippingSpace(index + 3)
        if looking(at: "-%}", from: index) { return skippingSpace(index + 3) }
        return looking(at: "%}", from: index) ? index + 2 : nil
    }

    /// Adds the text before a tag, without the white space that the tag takes with it.
    private mutating func addText(upTo end: Int, sign: UInt32, isPrint: Bool) {
        var last = end
        if sign == 0x2D {
            while last > position, isSpace(source[last - 1]) { last -= 1 }
        } else if sign != 0x2B, !isPrint {
            var start = end
            while start > position, isSpace(source[start - 1]), source[start - 1] != 0x0A {
                start -= 1
            }
            if start > position ? source[start - 1] == 0x0A : startsLine { last = start }
        }
        if last > position { add(.data(Text(source[position..<last]))) }
        if end > position { advance(to: end) }
    }

    /// The end of a tag that closes with `close` here, with the white space it takes.
    private func tagEnd(_ close: StaticString, at index: Int) -> Int? {
        if byte(index) == 0x2B, looking(at: close, from: index + 1) { return index + 3 }
        if byte(index) == 0x2D, looking(at: close, from: index + 1) {
            return skippingSpace(index + 3)
        }
        guard looking(at: close, from: index) else { return nil }
        return byte(index + 2) == 0x0A ? index + 3 : index + 2
    }

    private mutating func skipComment() throws {
        for index in position..<max(position, source.count) {
            if let end = tagEnd("#}", at: index) { return advance(to: end) }
        }
        // Jinja2 does not mind one that begins at the template's very end; nor a raw block.
        if position < source.count { throw failure("a comment has no end") }
    }

    private mutating func readRaw() throws {
        for index in position..<max(position, source.count)
        where looking(at: "{%", from: index) {
            let sign = byte(index + 2)
            var end = index + 2 + (sign == 0x2D || sign == 0x2B ? 1 : 0)
            end = skippingSpace(end)
            guard looking(at: "endraw", from: end) else { continue }
            guard let end = tagEnd("%}", at: skippingSpace(end + 6)) else { continue }
            addText(upTo: index, sign: sign, isPrint: false)
            return advance(to: end)
        }
        if position < source.count { throw failure("a raw block has no end") }
    }

    // MARK: - Inside tags

    private static let symbols: [StaticString] = [
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{",
        "}", ">", "<", "=", ".", ":", "|", ",", ";",
    ]

    private mutating func readTag(isPrint: Bool) throws {
        var open: [String] = []
        while position < source.count {
            if open.isEmpty, let end = isPrint ? printEnd() : tagEnd("%}", at: position) {
                add(isPrint ? .printEnd : .blockEnd)
                return advance(to: end)
            }
            if isSpace(source[position]) {
                advance(to: skippingSpace(position))
            } else if try readNumber() || readName() || readString() {
                continue
            } else if let symbol = Self.symbols.first(where: { looking(at: $0, from: position) }) {
                let text = "\(symbol)"
                switch text {
                case "{": open.append("}")
                case "(": open.append(")")
                case "[": open.append("]")
                case "}", ")", "]":
                    guard open.popLast() == text else { throw failure("\(text) closes nothing") }
                default: break
                }
                add(.symbol(text))
                advance(to: position + text.utf8.count)
            } else {
                throw failure(
                    "the character \(shownCharacter(source[position])) means nothing here")
            }
        }
    }

    private func printEnd() -> Int? {
        if looking(at: "-}}", from: position) { return skippingSpace(position + 3) }
        return looking(at: "}}", from: position) ? position + 2 : nil
    }

    private func isASCIIDigit(_ index: Int) -> Bool { (0x30...0x39).contains(byte(index)) }

    /// The end of digits with single underscores between them; nil if there is no digit.
    private func digitsEnd(_ start: Int, _ isDigit: (UInt32) -> Bool) -> Int? {
        guard isDigit(byte(start)) else { return nil }
        var end = start + 1
        while true {
            if isDigit(byte(end)) {
                end += 1
            } else if byte(end) == 0x5F, isDigit(byte(end + 1)) {
                end += 2
            } else {
                return end
            }
        }
    }

    private mutating func readNumber() throws -> Bool {
        guard isASCIIDigit(position) else { return false }
        if position == 0 || source[position - 1] != 0x2E, let end = floatEnd() {
            guard let value = Double(plain(position..<end)) else {
                throw failure("a number cannot be read")
            }
            // Python reads what is too large as infinity.
            add(.float(value))
            advance(to: end)
            return true
        }
        var (start, radix) = (position, 10)
        var end = position + 1
        if byte(position) == 0x30 {
            let letter = byte(position + 1) | 0x20
            let kinds: [UInt32: Int] = [0x62: 2, 0x6F: 8, 0x78: 16]
            let first = byte(position + 2) == 0x5F ? position + 3 : position + 2
            if let base = kinds[letter],
                let last = digitsEnd(
                    first,
                    { unit in
                        Unicode.Scalar(unit).flatMap { Character($0).hexDigitValue }
                            .map { unit < 0x80 && $0 < base } ?? false
                    })
            {
                (start, radix, end) = (first, base, last)
            } else {
                end = digitsEnd(position, { $0 == 0x30 }) ?? end
            }
        } else {
            end = digitsEnd(position, { (0x30...0x39).contains($0) }) ?? end
        }
        guard let value = Int(plain(start..<end), radix: radix) else {
            throw failure("a whole number is outside 64 bits")
        }
        add(.integer(value))
        advance(to: end)
        return true
    }

    private func floatEnd() -> Int? {
        func isDigit(_ unit: UInt32) -> Bool { (0x30...0x39).contains(unit) }
        guard let whole = digitsEnd(position, isDigit) else { return nil }
        var end = whole
        if byte(end) == 0x2E, let fraction = digitsEnd(end + 1, isDigit) { end = fraction }
        if byte(end) | 0x20 == 0x65 {
            let sign = byte(end + 1) == 0x2B || byte(end + 1) == 0x2D
            if let exponent = digitsEnd(end + (sign ? 2 : 1), isDigit) { return exponent }
        }
        return end > whole ? end : nil
    }

    private func plain(_ range: Range<Int>) -> String {
        Text(source[range].filter { $0 != 0x5F }).string
    }

    private mutating func readName() throws -> Bool {
        func isPart(_ unit: UInt32) -> Bool {
            isWordCharacter(unit) || scalar(unit).properties.isIDContinue
        }
        guard isPart(source[position]) else { return false }
        var end = position + 1
        while end < source.count, isPart(source[end]) { end += 1 }
        let name = Text(source[position..<end])
        let first = scalar(source[position])
        guard first == "_" || first.properties.isIDStart,
            name.units.allSatisfy({ scalar($0).properties.isIDContinue })
        else { throw failure("\(shownName(name.string)) is no name") }
        add(.name(name.string))
        advance(to: end)
        return true
    }

    private mutating func readString() throws -> Bool {
        let quote = source[position]
        guard quote == 0x22 || quote == 0x27 else { return false }
        var end = position + 1
        while end < source.count, source[end] != quote { end += source[end] == 0x5C ? 2 : 1 }
        guard end < source.count else { throw failure("a string has no end") }
        guard let text = StringLiteral.text(source[(position + 1)..<end]) else {
            throw failure("a string has an escape that cannot be read")
        }
        add(.string(text))
        advance(to: end + 1)
        return true
    }

    private func shownCharacter(_ unit: UInt32) -> String {
        isPrintable(unit) ? "\"\(scalar(unit))\"" : "U+\(String(unit, radix: 16, uppercase: true))"
    }
}

/// A name of the template as an error shows it.
func shownName(_ name: String) -> String {
    var text = ""
    for scalar in name.unicodeScalars.prefix(60) {
        text += isPrintable(scalar.value) ? String(scalar) : "?"
    }
    return "\"\(text)\(name.unicodeScalars.count > 60 ? "…" : "")\""
}

/// Escapes of a string, as Python's codec `unicode-escape` reads them.
enum StringLiteral {
    /// The text between the quotation marks; nil if an escape is wrong or no character.
    static func text(_ source: ArraySlice<UInt32>) -> Text? {
        // As Jinja2 does it, every character beyond ASCII first becomes an escape, which matters
        // after a backslash.
        var ascii: [UInt32] = []
        for unit in source {
            if unit < 0x80 {
                ascii.append(unit)
            } else {
                let (letter, width) =
                    unit < 0x100 ? ("x", 2) : unit < 0x1_0000 ? ("u", 4) : ("U", 8)
                let digits = String(unit, radix: 16)
                let zeros = String(repeating: "0", count: width - digits.count)
                ascii += "\\\(letter)\(zeros)\(digits)".unicodeScalars.map(\.value)
            }
        }
        var result: [UInt32] = []
        var position = 0
        while position < ascii.count {
            guard ascii[position] == 0x5C else {
                result.append(ascii[position])
                position += 1
                continue
            }
            guard position + 1 < ascii.count else { return nil }
            let letter = scalar(ascii[position + 1])
            position += 2
            if let simple = simple[letter] {
                result.append(simple)
            } else if let width = ["x": 2, "u": 4, "U": 8][letter] {
                guard position + width <= ascii.count else { return nil }
                let digits = Text(ascii[position..<position + width]).string
                guard digits.allSatisfy(\.isHexDigit), let value = UInt32(digits, radix: 16),
                    Unicode.Scalar(value) != nil
                else { return nil }
                result.append(value)
                position += width
            } else if ("0"..."7").contains(letter) {
                var value = letter.value - 0x30
                var digits = 1
                while digits < 3, position < ascii.count, (0x30...0x37).contains(ascii[position]) {
                    value = value * 8 + ascii[position] - 0x30
                    position += 1
                    digits += 1
                }
                result.append(value)
            } else if letter == "N" {
                return nil
            } else if letter != "\n" {
                result += [0x5C, letter.value]
            }
        }
        return Text(result)
    }

    private static let simple: [Unicode.Scalar: UInt32] = [
        "\\": 0x5C, "'": 0x27, "\"": 0x22, "a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9,
        "v": 11,
    ]
}
