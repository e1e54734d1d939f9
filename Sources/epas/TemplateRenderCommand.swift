import ArgumentParser
import EPASCheckpoint
import EPASJSON
import EPASTemplate
import EPASTokenizer
import Foundation

/// `epas template render`: what a chat becomes before a model reads it.
struct TemplateRenderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "render",
        abstract: "Show the text or the tokens that a chat template makes of messages.",
        discussion: """
            The messages are a JSON list of objects such as {"role": "user", "content": "Hi"}. \
            The template is the checkpoint's, chat_template.jinja or chat_template of \
            tokenizer_config.json, or --template's.

            With --cases each line of the file is an object with the text "template", and of \
            "messages", "tools", "add_generation_prompt", "tokens", "variables" and "now" what the \
            case has; each gives a line {"text": ...} or {"error": ...}. Without "messages" only \
            the variables are there.
            """)

    @Argument(
        help: "A checkpoint or tokenizer folder, or a run folder.", completion: .directory)
    var checkpoint: String?

    @Option(help: "A template's file, in place of the checkpoint's.", completion: .file())
    var template: String?

    @Option(help: "A JSON file with the list of messages.", completion: .file())
    var messages: String?

    @Option(help: "A JSON file with the list of tools' schemas.", completion: .file())
    var tools: String?

    @Option(
        help: "A JSON file with an object of further variables, such as date_string.",
        completion: .file())
    var variables: String?

    @Flag(help: "End with the last message, not where an answer begins.")
    var noGenerationPrompt = false

    @Flag(help: "Print the tokens' ids in place of the text.")
    var tokens = false

    @Option(help: "A file with one case a line, to render many.", completion: .file())
    var cases: String?

    func validate() throws {
        if cases != nil {
            try require(
                messages == nil && tools == nil && template == nil && variables == nil,
                "--cases has messages, tools, templates and variables of its own. Leave the options out."
            )
        } else {
            try require(messages != nil, "Name a file with messages: --messages FILE.")
            try require(
                checkpoint != nil || template != nil,
                "Name a checkpoint, or a template's file with --template FILE.")
        }
        try require(
            !tokens || checkpoint != nil, "--tokens needs a tokenizer. Name a checkpoint.")
    }

    func run() throws {
        let folder = try checkpoint.map { try Self.folder($0) }
        let tokenizer = try tokens ? folder.map { try loadTokenizer(at: $0) } : nil
        if let cases { return try renderCases(cases, tokenizer) }
        let file = template.map { URL(filePath: $0) }
        let chat =
            try folder.map { try ChatTemplate(folder: $0, file: file) }
            ?? ChatTemplate(
                folder: file?.deletingLastPathComponent() ?? URL(filePath: "."), file: file)
        let rendered = try chat.render(
            messages: try Self.json(messages ?? ""), tools: try tools.map { try Self.json($0) },
            addGenerationPrompt: !noGenerationPrompt,
            variables: try variables.map { try Self.variables(Self.json($0), $0) } ?? [])
        if let tokenizer {
            let ids = tokenizer.encode(rendered.text, untrusted: rendered.untrusted)
            try printLine("[\(ids.lazy.map(String.init).joined(separator: ","))]")
        } else {
            try write(rendered.text)
        }
    }

    /// The folder itself where it has a tokenizer or template, else a run's last good checkpoint.
    private static func folder(_ path: String) throws -> URL {
        let url = try existingFolder(path)
        let names = ["tokenizer_config.json", "tokenizer.json", "tokenizer.model"]
        let isOwn = (names + [ChatTemplate.fileName]).contains { name in
            FileManager.default.fileExists(atPath: url.appending(path: name).path)
        }
        return isOwn ? url : try openModel(path).url
    }

    private static func json(_ path: String) throws -> JSONValue {
        guard let contents = try? Data(contentsOf: URL(filePath: path)) else {
            throw InputError(description: "There is no readable file \(path). Check the path.")
        }
        do {
            return try contents.withUnsafeBytes { try JSONValue($0) }
        } catch let failure as JSONScanner.Failure {
            throw InputError(
                description:
                    "\(path) is not JSON: \(failure.problem) (at byte \(failure.offset)). Correct the file."
            )
        }
    }

    private static func variables(
        _ value: JSONValue?, _ source: String, isTrusted: Bool = false
    ) throws -> [Template.Variable] {
        guard let value else { return [] }
        guard case .object(let entries) = value else {
            throw InputError(
                description: "The variables in \(source) are not an object. Correct the file.")
        }
        return entries.map { Template.Variable($0.0, $0.1, isTrusted: isTrusted) }
    }

    // MARK: - Cases

    private func renderCases(_ path: String, _ tokenizer: (any Tokenizer)?) throws {
        guard let contents = try? Data(contentsOf: URL(filePath: path)) else {
            throw InputError(description: "There is no readable file \(path). Check the path.")
        }
        var number = 0
        for line in contents.split(separator: 0x0A) {
            number += 1
            let value: JSONValue
            do {
                value = try Data(line).withUnsafeBytes { try JSONValue($0) }
            } catch let failure as JSONScanner.Failure {
                throw InputError(
                    description:
                        "Line \(number) of \(path) is not JSON: \(failure.problem). Correct it.")
            }
            guard let source = value["template"]?.string else {
                throw InputError(
                    description: "Line \(number) of \(path) has no text \"template\". Add it.")
            }
            var answer: [(String, JSONValue)]
            do {
                let rendered = try Self.render(source, value, path)
                answer = [("text", .string(rendered.text))]
                if let tokenizer {
                    let ids = tokenizer.encode(rendered.text, untrusted: rendered.untrusted)
                    answer.append(("ids", .array(ids.map { .integer($0) })))
                }
            } catch let error as TemplateError {
                answer = [("error", .string(error.description))]
            }
            try printLine(JSONValue.object(answer).compactText)
        }
    }

    private static func render(
        _ source: String, _ value: JSONValue, _ path: String
    ) throws -> RenderedText {
        let tokens = try variables(value["tokens"], path, isTrusted: true)
        let others = try variables(value["variables"], path)
        let now = value["now"]?.string
        let clock: (String) -> String = { format in now ?? ChatTemplate.localTime(format) }
        guard let messages = value["messages"] else {
            return try Template(source).render(others + tokens, now: clock)
        }
        let chat = try ChatTemplate(
            source, tokens: tokens.map { ($0.name, $0.value.string ?? "") })
        return try chat.render(
            messages: messages, tools: value["tools"].flatMap { $0.isNull ? nil : $0 },
            addGenerationPrompt: value["add_generation_prompt"]?.boolean ?? true,
            variables: others, now: clock)
    }
}
