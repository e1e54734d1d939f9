/// A value of a run file, with the place it was read from.
///
/// Scalars keep their text: what a text means (a number, a name) depends on the key it is for,
/// so YAML's own guesses (`1e-3` a string, `no` a boolean) never apply.
struct YAMLNode: Hashable, Sendable {
    enum Content: Hashable, Sendable {
        /// `quoted` scalars are text, never numbers, booleans or null.
        case scalar(String, quoted: Bool)
        case list([YAMLNode])
        case mapping([YAMLEntry])
    }

    enum Origin: Hashable, Sendable {
        case line(Int)
        case override
        case builtIn
    }

    var content: Content
    var origin: Origin

    init(_ content: Content, _ origin: Origin = .builtIn) {
        self.content = content
        self.origin = origin
    }

    /// A plain scalar, such as a number or a name without special characters.
    static func plain(_ text: String) -> YAMLNode { YAMLNode(.scalar(text, quoted: false)) }
    /// A text, quoted when written if it could be taken for something else.
    static func text(_ text: String) -> YAMLNode { YAMLNode(.scalar(text, quoted: true)) }
    static func number(_ value: Double) -> YAMLNode { plain("\(value)") }
    static func number(_ value: some BinaryInteger) -> YAMLNode { plain("\(value)") }
    static func boolean(_ value: Bool) -> YAMLNode { plain("\(value)") }
    static let null = plain("null")
    static func list(_ values: [YAMLNode]) -> YAMLNode { YAMLNode(.list(values)) }

    /// A mapping of the entries that have a value.
    static func mapping(_ entries: [(String, YAMLNode?)]) -> YAMLNode {
        YAMLNode(
            .mapping(entries.compactMap { name, value in value.map { YAMLEntry(name, $0) } }))
    }
}

/// One `key: value` of a mapping.
struct YAMLEntry: Hashable, Sendable {
    let key: String
    var value: YAMLNode
    /// Where the key stands, which may be above its value.
    let origin: YAMLNode.Origin

    init(_ key: String, _ value: YAMLNode, _ origin: YAMLNode.Origin = .builtIn) {
        self.key = key
        self.value = value
        self.origin = origin
    }
}

extension YAMLNode.Origin {
    /// Where it is, as it ends a problem's sentence, such as ` (line 7)`.
    var place: String {
        switch self {
        case .line(let line): " (line \(line))"
        case .override: " (--set)"
        case .builtIn: ""
        }
    }
}

// What a scalar means, where its key asks.
extension YAMLNode {
    var place: String { origin.place }

    var isNull: Bool {
        guard case .scalar(let text, quoted: false) = content else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }

    var boolean: Bool? {
        guard case .scalar(let text, quoted: false) = content else { return nil }
        switch text {
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        default: return nil
        }
    }

    /// The number's text without the underscores that may stand between its digits.
    private var numeral: String? {
        guard case .scalar(let text, quoted: false) = content, !text.isEmpty else { return nil }
        let bytes = Array(text.utf8)
        func isDigit(_ index: Int) -> Bool {
            bytes.indices.contains(index) && (0x30...0x39).contains(bytes[index])
        }
        for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "_") {
            guard isDigit(index - 1), isDigit(index + 1) else { return nil }
        }
        // `Double("inf")`, `Double("0x1p3")` and `Double("nan")` are numbers to Swift.
        guard bytes.allSatisfy({ "0123456789+-._eE".utf8.contains($0) }) else { return nil }
        return text.replacing("_", with: "")
    }

    /// A whole number written as one: `1000` or `1_000`, not `1e3`.
    var integer: Int? {
        guard let numeral, !numeral.contains(where: { ".eE".contains($0) }) else { return nil }
        return Int(numeral)
    }

    /// Whether the text is a whole number, in `Int`'s range or not.
    var isWholeNumeral: Bool {
        guard let numeral else { return false }
        let digits =
            numeral.first.map { "+-".contains($0) } == true ? numeral.dropFirst() : numeral[...]
        return !digits.isEmpty && digits.allSatisfy { $0.isASCII && $0.isNumber }
    }

    /// A finite number; `1e-3`, `.5` and `5.` are all numbers.
    var number: Double? {
        guard let numeral, let value = Double(numeral), value.isFinite else {
            return nil
        }
        return value
    }

    /// Whether the text is a number in form whose value is beyond `Double`.
    var isOverflowingNumeral: Bool {
        guard let numeral, let value = Double(numeral) else { return false }
        return !value.isFinite
    }

    /// A text: quoted, or plain and not null.
    var text: String? {
        guard case .scalar(let text, _) = content, !isNull else { return nil }
        return text
    }

    /// The value as an error quotes it.
    var quotation: String {
        switch content {
        case .list: return "a list"
        case .mapping: return "a mapping"
        case .scalar(let text, let quoted):
            if isNull { return "null" }
            let shown = Self.shown(text)
            return !quoted && (integer != nil || number != nil) ? shown : "\"\(shown)\""
        }
    }
}

extension YAMLNode {
    /// A key's text as an error shows it: one line, of bounded length.
    static func shown(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars.prefix(60) {
            shown += scalar.properties.generalCategory == .control ? "?" : String(scalar)
        }
        return text.unicodeScalars.count > 60 ? shown + "…" : shown
    }
}
