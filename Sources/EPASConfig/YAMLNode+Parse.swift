// Reading YAML: the border to Yams. A run file is small and flat, so size, nesting and YAML's
// indirections are bounded before the parser, which recurses, sees the text.

import Yams

extension YAMLNode {
    /// Bytes of YAML accepted: a run file of a model with hundreds of layers takes a few KiB.
    static let byteLimit = 256 * 1024
    /// Collections inside collections accepted; the deepest run file has 4.
    static let depthLimit = 16
    /// Opening brackets accepted, and levels that the indentation of one line can open. Both bound
    /// the parser's recursion, for a bracket in a quoted text counts as well.
    static let bracketLimit = 512
    static let indentationLimit = 128
    /// Stars accepted. Aliases are refused by name after parsing; the parser compares keys before
    /// that, and a key of many nested aliases would take it forever.
    static let aliasLimit = 32

    /// Parses one YAML document.
    ///
    /// - Parameter source: What the text is, for errors: a file's name, or `--set KEY`.
    static func parse(
        _ yaml: String, source: String, isOverride: Bool = false
    ) throws(ConfigError) -> YAMLNode {
        let yaml =
            yaml.unicodeScalars.first == "\u{FEFF}" ? String(yaml.unicodeScalars.dropFirst()) : yaml
        try checkBounds(of: yaml, source: source)
        let parser: Parser
        let root: Node?
        do {
            // The basic resolver leaves every plain scalar a text; see `YAMLNode`.
            parser = try Parser(yaml: yaml, resolver: .basic, encoding: .utf8)
            root = try parser.singleRoot()
        } catch let error as YamlError {
            throw ConfigError(syntax: error, source: source)
        } catch {
            throw ConfigError(source, "unreadable YAML: \(error)", remedy: "Correct the file.")
        }
        guard let root else {
            throw ConfigError(
                source, "no value is written", remedy: "Write null where none is meant.")
        }
        // The parser owns the anchors, which nodes hold weakly.
        return try withExtendedLifetime(parser) { () throws(ConfigError) in
            try YAMLNode(root, source: source, isOverride: isOverride, depth: 0)
        }
    }

    private init(
        _ node: Node, source: String, isOverride: Bool, depth: Int
    ) throws(ConfigError) {
        let origin = Self.origin(of: node, isOverride)
        if node.anchor != nil { throw .indirection(source, origin.place) }
        guard depth <= Self.depthLimit else { throw .tooDeep(source, origin.place) }
        switch node {
        case .scalar(let scalar):
            guard scalar.tag == Tag(.str) || scalar.tag == Tag.implicit else {
                throw .tagged(source, origin.place)
            }
            let isPlain = scalar.style == .plain || scalar.style == .any
            content = .scalar(scalar.string, quoted: !isPlain)
        case .sequence(let sequence):
            guard sequence.tag == Tag.implicit else { throw .tagged(source, origin.place) }
            var elements: [YAMLNode] = []
            for element in sequence {
                elements.append(
                    try YAMLNode(
                        element, source: source, isOverride: isOverride, depth: depth + 1))
            }
            content = .list(elements)
        case .mapping(let mapping):
            guard mapping.tag == Tag.implicit else { throw .tagged(source, origin.place) }
            var entries: [YAMLEntry] = []
            for (key, value) in mapping {
                let keyOrigin = Self.origin(of: key, isOverride)
                guard case .scalar(let scalar) = key else {
                    throw ConfigError(
                        source, "a key is a collection\(keyOrigin.place)",
                        remedy: "Use a plain name as key.")
                }
                if key.anchor != nil { throw .indirection(source, keyOrigin.place) }
                let name = scalar.string
                if entries.contains(where: { $0.key == name }) {
                    throw ConfigError(
                        name, "the key is written twice\(keyOrigin.place)",
                        remedy: "Remove one of them.")
                }
                let value = try YAMLNode(
                    value, source: source, isOverride: isOverride, depth: depth + 1)
                entries.append(YAMLEntry(name, value, keyOrigin))
            }
            content = .mapping(entries)
        case .alias:
            throw .indirection(source, origin.place)
        }
        self.origin = origin
    }

    private static func origin(of node: Node, _ isOverride: Bool) -> Origin {
        isOverride ? .override : .line(node.mark?.line ?? 1)
    }

    /// Refuses what could exhaust the parser.
    private static func checkBounds(of yaml: String, source: String) throws(ConfigError) {
        guard yaml.utf8.count <= byteLimit else {
            throw .tooLong(source)
        }
        var brackets = 0
        var aliases = 0
        var line = 0
        for text in yaml.utf8.split(
            omittingEmptySubsequences: false, whereSeparator: { $0 == 10 || $0 == 13 })
        {
            line += 1
            let significant = Array(withoutComment(text))
            var indentation = significant.prefix { $0 == UInt8(ascii: " ") }.count
            for (index, byte) in significant.enumerated() {
                let next = index + 1 < significant.count ? significant[index + 1] : 0x20
                switch byte {
                case UInt8(ascii: "["), UInt8(ascii: "{"): brackets += 1
                case UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: ":"):
                    if next == 0x20 || next == 0x09 { indentation += 1 }
                case UInt8(ascii: "*"): aliases += 1
                default: break
                }
            }
            guard brackets <= bracketLimit, indentation <= indentationLimit else {
                throw .tooDeep(source, " (line \(line))")
            }
            guard aliases <= aliasLimit else { throw .indirection(source, " (line \(line))") }
        }
    }

    /// Drops a comment, unless a quote on the line could make it something else.
    private static func withoutComment(_ line: Substring.UTF8View) -> Substring.UTF8View {
        if line.contains(UInt8(ascii: "\"")) || line.contains(UInt8(ascii: "'")) { return line }
        var previous = UInt8(ascii: " ")
        for index in line.indices {
            if line[index] == UInt8(ascii: "#"), " \t".utf8.contains(previous) {
                return line[..<index]
            }
            previous = line[index]
        }
        return line
    }
}

extension ConfigError {
    static func tooLong(_ source: String, _ kind: String = "run file") -> ConfigError {
        ConfigError(
            source, "the text is longer than \(YAMLNode.byteLimit) bytes",
            remedy: "Name a \(kind); the longest takes a few KiB.")
    }

    fileprivate static func indirection(_ source: String, _ place: String) -> ConfigError {
        ConfigError(
            source, "YAML anchors and aliases (& and *) are not accepted\(place)",
            remedy: "Write the value out, or put quotes around a text that starts so.")
    }

    fileprivate static func tagged(_ source: String, _ place: String) -> ConfigError {
        ConfigError(
            source, "YAML tags (!) are not accepted\(place)",
            remedy: "Remove the tag, or put quotes around a text that starts so.")
    }

    fileprivate static func tooDeep(_ source: String, _ place: String) -> ConfigError {
        ConfigError(
            source, "the nesting is deeper than any setting's\(place)",
            remedy: "Write it with fewer levels.")
    }

    /// Words for what the parser refused.
    fileprivate init(syntax error: YamlError, source: String) {
        func at(_ mark: Mark) -> String { " (line \(mark.line), column \(mark.column))" }
        switch error {
        case .scanner(let context, let problem, let mark, _),
            .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let whole = [context?.text, problem].compactMap(\.self).joined(separator: ", ")
            self.init(
                source, "not YAML: \(whole)\(at(mark))",
                remedy: "Correct the line or the one above.")
        case .duplicatedKeysInMapping(let names, let context):
            let name = names.first ?? source
            self.init(
                name, "the key is written twice (first on line \(context.mark.line))",
                remedy: "Remove one of them.")
        case .reader(let problem, let offset, _, let yaml):
            let place = offset.map { offset in
                " (line \(1 + yaml.prefix(offset).count(where: \.isNewline)))"
            }
            self.init(
                source, "not YAML: \(problem)\(place ?? "")",
                remedy: "Remove the character, or write it as an escape in double quotes.")
        default:
            self.init(source, "not YAML: \(error)", remedy: "Correct the file.")
        }
    }
}
