/// Reads one mapping of a task file.
struct TaskReader {
    private let path: String
    private let entries: [YAMLEntry]

    /// Checks that `node` is a mapping of known keys.
    ///
    /// - Parameter called: What errors call the mapping.
    init(_ node: YAMLNode, path: String, keys: [String], called: String) throws(ConfigError) {
        guard case .mapping(let entries) = node.content else {
            throw ConfigError(
                called, "\(node.quotation) is not a mapping of keys to values\(node.place)",
                remedy: "Use keys such as \(keys.prefix(3).joined(separator: ", ")).")
        }
        self.path = path
        self.entries = entries
        for entry in entries where !keys.contains(entry.key) {
            throw .unknownKey(
                SectionReader.join(path, entry.key), entry.key, among: keys,
                place: entry.origin.place)
        }
    }

    /// The key's value; `nil` where it is not written, or null.
    func node(_ name: String) -> YAMLNode? {
        let value = entries.first { $0.key == name }?.value
        return value?.isNull == true ? nil : value
    }

    func missing(_ name: String) -> ConfigError {
        ConfigError(SectionReader.join(path, name), "missing", remedy: "Write \(accepted(name)).")
    }

    private func unusable(_ name: String, _ node: YAMLNode, _ problem: String) -> ConfigError {
        ConfigError(
            SectionReader.join(path, name), "\(node.quotation) \(problem)\(node.place)",
            remedy: "Use \(accepted(name)).")
    }

    /// What a key accepts, in words.
    private func accepted(_ name: String) -> String {
        switch name {
        case "name": "a name for the task"
        case "kind": "one of \(EvaluationTask.Kind.names.joined(separator: ", "))"
        case "data": "the path of a JSON Lines file, relative to the task file"
        case "text", "target": "a text that names fields as {{field}}"
        case "choices": "the name of a field with a list of texts, or a list of texts"
        case "gold": "the name of the field with the right choice's index or text"
        case "labels": "the name of the field with the list of the choices' labels"
        case "delimiter": "the text between the question and a choice"
        case "limit": "a whole number of at least 1"
        default: fatalError("\(name) is not a task's key")
        }
    }

    func text(_ name: String) throws(ConfigError) -> String? {
        guard let node = node(name) else { return nil }
        guard let text = node.text else { throw unusable(name, node, "is not a text") }
        guard !text.utf8.contains(0) else { throw unusable(name, node, "contains a NUL") }
        return text
    }

    func required(_ name: String) throws(ConfigError) -> String {
        guard let node = node(name), let text = try text(name) else { throw missing(name) }
        guard !text.isEmpty else { throw unusable(name, node, "is empty") }
        return text
    }

    func choice(_ name: String, among names: [String]) throws(ConfigError) -> String {
        let text = try required(name)
        guard names.contains(text) else {
            let guess = suggestion(for: text, among: names).map { "Did you mean \($0)? " } ?? ""
            throw ConfigError(
                SectionReader.join(path, name),
                "\"\(YAMLNode.shown(text))\" is not a choice\(node(name)?.place ?? "")",
                remedy: "\(guess)Use \(accepted(name)).")
        }
        return text
    }

    func positive(_ name: String) throws(ConfigError) -> Int? {
        guard let node = node(name) else { return nil }
        guard let value = node.integer, value >= 1 else {
            throw unusable(name, node, "is no such number")
        }
        return value
    }

    func template(_ name: String) throws(ConfigError) -> TextTemplate? {
        guard let node = node(name), let text = try text(name) else { return nil }
        guard let template = TextTemplate(text) else {
            throw unusable(name, node, "is no such template")
        }
        guard !template.fields.isEmpty else { throw unusable(name, node, "names no field") }
        return template
    }

    func field(_ name: String) throws(ConfigError) -> String? {
        guard let node = node(name) else { return nil }
        guard let text = node.text, TextTemplate.isPath(text) else {
            throw unusable(name, node, "is not a field's name")
        }
        return text
    }

    func choices(
        _ name: String
    ) throws(ConfigError) -> EvaluationTask.MultipleChoice.Choices {
        guard let node = node(name), case .list(let elements) = node.content else {
            return .field(try field(name) ?? "choices")
        }
        var texts: [String] = []
        for element in elements {
            guard let text = element.text, !text.isEmpty else {
                throw unusable(name, element, "is no choice")
            }
            texts.append(text)
        }
        guard texts.count >= 2 else { throw unusable(name, node, "has fewer than 2 choices") }
        return .texts(texts)
    }
}
