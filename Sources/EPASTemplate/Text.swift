/// A string of the template language: Unicode scalars, as Python counts them.
///
/// Each character carries a mark if it came from outside the template. Slicing, joining and
/// replacing move characters, so the marks follow them without further care.
struct Text: Sendable {
    /// Set in a unit whose character came from outside the template.
    static let mark: UInt32 = 1 << 31

    /// Scalars, some with the mark.
    var units: [UInt32]
    /// Whether the text is HTML that needs no escaping (`markupsafe.Markup`).
    var isMarkup = false

    init(_ units: [UInt32] = [], isMarkup: Bool = false) {
        self.units = units
        self.isMarkup = isMarkup
    }

    init(_ units: ArraySlice<UInt32>) { self.units = Array(units) }

    init(_ string: some StringProtocol, isUntrusted: Bool = false) {
        let mark = isUntrusted ? Self.mark : 0
        units = string.unicodeScalars.map { $0.value | mark }
    }

    var count: Int { units.count }
    var isEmpty: Bool { units.isEmpty }

    var string: String {
        var string = String.UnicodeScalarView()
        for unit in units { string.append(scalar(unit)) }
        return String(string)
    }

    /// A text with the same marking as HTML.
    func with(_ units: [UInt32]) -> Text { Text(units, isMarkup: isMarkup) }
}

/// The character of a unit.
func scalar(_ unit: UInt32) -> Unicode.Scalar {
    // Units are made of scalars only.
    Unicode.Scalar(unit & ~Text.mark) ?? "\u{FFFD}"
}

/// Whether two units have one character.
func same(_ left: UInt32, _ right: UInt32) -> Bool { (left ^ right) & ~Text.mark == 0 }

extension Text: Hashable {
    static func == (left: Text, right: Text) -> Bool {
        left.units.elementsEqual(right.units, by: same)
    }

    func hash(into hasher: inout Hasher) {
        for unit in units { hasher.combine(unit & ~Self.mark) }
    }

    static func < (left: Text, right: Text) -> Bool {
        left.units.lexicographicallyPrecedes(right.units) { $0 & ~mark < $1 & ~mark }
    }
}

extension Text {
    func hasPrefix(_ prefix: Text, at start: Int = 0) -> Bool {
        start <= count && prefix.count <= count - start
            && units[start..<start + prefix.count].elementsEqual(prefix.units, by: same)
    }

    /// The first places of a needle that do not overlap, in linear time (Knuth, Morris, Pratt).
    ///
    /// - Precondition: the needle is not empty.
    func places(of needle: Text, in range: Range<Int>, atMost most: Int = .max) -> [Int] {
        var table = [0]
        table.reserveCapacity(needle.count)
        var matched = 0
        for position in needle.units.indices.dropFirst() {
            while matched > 0, !same(needle.units[position], needle.units[matched]) {
                matched = table[matched - 1]
            }
            if same(needle.units[position], needle.units[matched]) { matched += 1 }
            table.append(matched)
        }
        var places: [Int] = []
        matched = 0
        for position in range where places.count < most {
            while matched > 0, !same(units[position], needle.units[matched]) {
                matched = table[matched - 1]
            }
            if same(units[position], needle.units[matched]) { matched += 1 }
            if matched == needle.count {
                places.append(position + 1 - needle.count)
                matched = 0
            }
        }
        return places
    }

    func contains(_ needle: Text) -> Bool {
        needle.isEmpty || !places(of: needle, in: 0..<count, atMost: 1).isEmpty
    }

    /// The text without the characters that `isDropped` accepts at its ends.
    func stripped(left: Bool, right: Bool, _ isDropped: (UInt32) -> Bool) -> Text {
        var (start, end) = (0, count)
        if left { while start < end, isDropped(units[start]) { start += 1 } }
        if right { while start < end, isDropped(units[end - 1]) { end -= 1 } }
        return with(Array(units[start..<end]))
    }

    func stripped() -> Text { stripped(left: true, right: true, isSpace) }

    /// Each of the characters `&<>'"` as an HTML entity, as `markupsafe.escape` writes them.
    var escaped: Text {
        if isMarkup { return self }
        var result: [UInt32] = []
        result.reserveCapacity(count)
        for unit in units {
            let entity: String
            switch scalar(unit) {
            case "&": entity = "&amp;"
            case "<": entity = "&lt;"
            case ">": entity = "&gt;"
            case "'": entity = "&#39;"
            case "\"": entity = "&#34;"
            default:
                result.append(unit)
                continue
            }
            result += entity.unicodeScalars.map { $0.value | unit & Self.mark }
        }
        return Text(result, isMarkup: true)
    }

    /// Lines as Python's `str.splitlines` cuts them.
    func lines(keepingEnds: Bool = false) -> [Text] {
        var lines: [Text] = []
        var (start, position) = (0, 0)
        while position < count {
            guard isLineEnd(units[position]) else {
                position += 1
                continue
            }
            let end = position
            let isPair =
                scalar(units[position]) == "\r" && position + 1 < count
                && scalar(units[position + 1]) == "\n"
            position += isPair ? 2 : 1
            lines.append(with(Array(units[start..<(keepingEnds ? position : end)])))
            start = position
        }
        if start < count { lines.append(with(Array(units[start...]))) }
        return lines
    }
}
