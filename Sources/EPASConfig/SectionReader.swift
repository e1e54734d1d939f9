/// Reads one mapping of a run file against the table of keys.
struct SectionReader: Sendable {
    /// The section's path; empty at the top.
    let path: String
    private let entries: [YAMLEntry]

    /// Checks that `node` is a mapping of known keys; nil reads as an empty one.
    init(_ node: YAMLNode?, _ path: String) throws(ConfigError) {
        self.path = path
        guard let node else {
            entries = []
            return
        }
        guard case .mapping(let entries) = node.content else {
            throw ConfigError(
                path.isEmpty ? "run file" : path,
                "\(node.quotation) is not a mapping of keys to values\(node.place)",
                remedy: "Use keys such as \(Self.list(Self.names(inside: path).prefix(3))).")
        }
        self.entries = entries
        let names = Self.names(inside: path)
        for entry in entries where !names.contains(entry.key) {
            throw .unknownKey(
                Self.join(path, entry.key), entry.key, among: names, place: entry.origin.place)
        }
    }

    private static func names(inside path: String) -> [String] {
        RunFileKey.inside(path).map(\.name)
    }

    private static func list(_ names: ArraySlice<String>) -> String {
        names.joined(separator: ", ")
    }

    static func join(_ section: String, _ name: String) -> String {
        section.isEmpty ? name : "\(section).\(name)"
    }

    /// The key's entry in the table. A name that is not there is a mistake in this package.
    func key(_ name: String) -> RunFileKey {
        guard let key = RunFileKey.named(Self.join(path, name)) else {
            fatalError("the run file's table lacks \(Self.join(path, name))")
        }
        return key
    }

    func has(_ name: String) -> Bool { given(name) != nil }

    private func given(_ name: String) -> YAMLNode? {
        entries.first { $0.key == name }?.value
    }

    /// The value as written, or the table's default; nil if derived from other keys.
    func node(_ name: String) throws(ConfigError) -> YAMLNode? {
        let key = key(name)
        if let given = given(name) {
            guard given.isNull, key.null == nil else { return given }
            throw .unusable(key, given, "is not \(key.accepted)")
        }
        switch key.fallback {
        case .required:
            throw ConfigError(key.path, "missing", remedy: "Write \(key.accepted): \(key.meaning)")
        case .value(let text): return try YAMLNode.parse(text, source: key.path)
        case .derived: return nil
        }
    }

    /// The section inside this one; one that is not written reads as empty.
    func section(_ name: String) throws(ConfigError) -> SectionReader {
        try SectionReader(node(name), Self.join(path, name))
    }

    /// The section inside this one, if it is written and not null.
    func optionalSection(_ name: String) throws(ConfigError) -> SectionReader? {
        guard let node = try node(name), !node.isNull else { return nil }
        return try SectionReader(node, Self.join(path, name))
    }

    func integer(_ name: String) throws(ConfigError) -> Int? {
        guard let node = try node(name) else { return nil }
        guard case .integer(let range) = key(name).kind else { fatalError("\(name): not integer") }
        return try node.integer(in: range, key(name))
    }

    func number(_ name: String) throws(ConfigError) -> Double? {
        guard let node = try node(name), !node.isNull else { return nil }
        guard case .number(let range) = key(name).kind else { fatalError("\(name): not number") }
        guard let value = node.number else {
            throw .unusable(
                key(name), node, node.isOverflowingNumeral ? "is out of range" : "is not a number")
        }
        guard range.contains(value) else { throw .unusable(key(name), node, "is out of range") }
        return value
    }

    func boolean(_ name: String) throws(ConfigError) -> Bool? {
        guard let node = try node(name) else { return nil }
        guard let value = node.boolean else {
            throw .unusable(key(name), node, "is not true or false")
        }
        return value
    }

    func text(_ name: String) throws(ConfigError) -> String? {
        guard let node = try node(name), !node.isNull else { return nil }
        guard let text = node.text else { throw .unusable(key(name), node, "is not a text") }
        guard !text.isEmpty, !text.utf8.contains(0) else {
            throw .unusable(key(name), node, text.isEmpty ? "is empty" : "contains a NUL")
        }
        return text
    }

    func choice(_ name: String) throws(ConfigError) -> String? {
        guard let node = try node(name) else { return nil }
        guard case .choice(let names) = key(name).kind else { fatalError("\(name): no choice") }
        guard let text = node.text, names.contains(text) else {
            let guess = node.text.flatMap { suggestion(for: $0, among: names) }
            throw ConfigError(
                key(name).path, "\(node.quotation) is not a choice\(node.place)",
                remedy: (guess.map { "Did you mean \($0)? " } ?? "") + "Use \(key(name).accepted).")
        }
        return text
    }

    /// A value that the table's entry, or its default, always provides.
    func required<Value>(
        _ read: (String) throws(ConfigError) -> Value?, _ name: String
    ) throws(ConfigError) -> Value {
        guard let value = try read(name) else { fatalError("\(path).\(name) has no default") }
        return value
    }

    /// The error of two settings that exclude each other.
    func unusable(_ name: String, _ problem: String, remedy: String) -> ConfigError {
        let place = given(name)?.place ?? ""
        return ConfigError(Self.join(path, name), problem + place, remedy: remedy)
    }
}

extension YAMLNode {
    /// The value as a whole number in the range.
    func integer(in range: ClosedRange<Int>, _ key: RunFileKey) throws(ConfigError) -> Int {
        guard isWholeNumeral else { throw .unusable(key, self, "is not a whole number") }
        guard let value = integer, range.contains(value) else {
            throw .unusable(key, self, "is out of range")
        }
        return value
    }
}

extension ConfigError {
    /// A value that the key does not accept.
    static func unusable(_ key: RunFileKey, _ node: YAMLNode, _ what: String) -> ConfigError {
        ConfigError(
            key.path, "\(node.quotation) \(what)\(node.place)", remedy: "Use \(key.accepted).")
    }

    static func unknownKey(
        _ path: String, _ name: String, among names: [String], place: String
    ) -> ConfigError {
        let guess = suggestion(for: name, among: names).map { "Did you mean \($0)? " } ?? ""
        return ConfigError(
            YAMLNode.shown(path), "unknown key\(place)",
            remedy: "\(guess)Use one of \(names.sorted().joined(separator: ", ")).")
    }
}
