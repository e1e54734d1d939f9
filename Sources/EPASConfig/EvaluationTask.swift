package import Foundation

/// A task of a file for `epas evaluate --tasks`: how its records become texts to be scored.
package struct EvaluationTask: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// Which of some continuations of ``EvaluationTask/text`` is the most likely.
        case multipleChoice(MultipleChoice)
        /// How likely the end of a text is: `target` after ``EvaluationTask/text``, or without it
        /// the text's own last word after the words before it.
        case lastWord(target: TextTemplate?)
        /// How likely a whole text is.
        case rollingPerplexity

        /// As the file names it.
        package var name: String {
            switch self {
            case .multipleChoice: "multiple_choice"
            case .lastWord: "last_word"
            case .rollingPerplexity: "rolling_perplexity"
            }
        }

        static let names = ["multiple_choice", "last_word", "rolling_perplexity"]
    }

    package struct MultipleChoice: Sendable, Hashable {
        package enum Choices: Sendable, Hashable {
            /// The field with the list of texts.
            case field(String)
            /// The same texts for every record.
            case texts([String])
        }

        package let choices: Choices
        /// The field with the right choice: its index, from 0, its text, or its label.
        package let gold: String
        /// The field with the list of the choices' labels; `nil` for none.
        package let labels: String?
        /// What stands between the text and a choice.
        package let delimiter: String
    }

    package let name: String
    package let kind: Kind
    /// The JSON Lines file.
    package let data: URL
    package let text: TextTemplate
    /// Records read from the file's beginning; `nil` reads all.
    package let limit: Int?
}

extension EvaluationTask {
    /// Reads a file of tasks. Paths in it are relative to its folder.
    ///
    /// - Throws: ``ConfigError`` for what cannot be read, and for unknown or unusable keys.
    package static func load(_ url: URL) throws(ConfigError) -> [EvaluationTask] {
        try list(
            yaml: YAMLNode.text(of: url, called: "task file"), source: url.lastPathComponent,
            folder: url.deletingLastPathComponent())
    }

    /// Parses the text of a file of tasks; see ``load(_:)``.
    package static func list(
        yaml: String, source: String = "tasks", folder: URL
    ) throws(ConfigError) -> [EvaluationTask] {
        let root = try TaskReader(
            YAMLNode.parse(yaml, source: source), path: "", keys: ["tasks"], called: source)
        guard let node = root.node("tasks") else {
            throw ConfigError(
                "tasks", "missing", remedy: "Write a list of tasks, each with name, kind and data.")
        }
        guard case .list(let elements) = node.content, !elements.isEmpty else {
            throw ConfigError(
                "tasks", "\(node.quotation) holds no task\(node.place)",
                remedy: "Write a list of tasks, each with name, kind and data.")
        }
        var tasks: [EvaluationTask] = []
        for (index, element) in elements.enumerated() {
            let task = try EvaluationTask(element, path: "tasks[\(index)]", folder: folder)
            guard !tasks.contains(where: { $0.name == task.name }) else {
                throw ConfigError(
                    "tasks[\(index)].name",
                    "\"\(YAMLNode.shown(task.name))\" is written twice\(element.place)",
                    remedy: "Give each task a name of its own.")
            }
            tasks.append(task)
        }
        return tasks
    }

    private static let commonKeys = ["name", "kind", "data", "text", "limit"]

    private init(_ node: YAMLNode, path: String, folder: URL) throws(ConfigError) {
        let all = Self.commonKeys + ["choices", "gold", "labels", "delimiter", "target"]
        let kind = try TaskReader(node, path: path, keys: all, called: path)
            .choice("kind", among: Kind.names)
        let own: [String] =
            switch kind {
            case "multiple_choice": ["choices", "gold", "labels", "delimiter"]
            case "last_word": ["target"]
            default: []
            }
        let reader = try TaskReader(node, path: path, keys: Self.commonKeys + own, called: path)
        name = try reader.required("name")
        let file = try reader.required("data")
        data = file.hasPrefix("/") ? URL(filePath: file) : folder.appending(path: file)
        limit = try reader.positive("limit")
        switch kind {
        case "multiple_choice":
            guard let text = try reader.template("text") else { throw reader.missing("text") }
            self.text = text
            self.kind = .multipleChoice(
                MultipleChoice(
                    choices: try reader.choices("choices"),
                    gold: try reader.field("gold") ?? "gold",
                    labels: try reader.field("labels"),
                    delimiter: try reader.text("delimiter") ?? " "))
        case "last_word":
            text = try reader.template("text") ?? Self.wholeText
            self.kind = .lastWord(target: try reader.template("target"))
        default:
            text = try reader.template("text") ?? Self.wholeText
            self.kind = .rollingPerplexity
        }
    }

    private static var wholeText: TextTemplate {
        guard let template = TextTemplate("{{text}}") else { fatalError("{{text}} is a template") }
        return template
    }
}
