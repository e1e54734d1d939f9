package import EPASJSON
package import Foundation

/// The chat template of a model's folder, with the tokens it may name.
///
/// Reads what transformers reads: `chat_template.jinja`, else `chat_template` of
/// `tokenizer_config.json`, which is a template or a list of templates with names, of which
/// `tool_use` is for chats with tools and `default` for all others.
package struct ChatTemplate: Sendable {
    package static let fileName = "chat_template.jinja"

    private let template: Template
    private let toolTemplate: Template?
    private let tokens: [Template.Variable]

    /// Reads the template of a folder.
    ///
    /// - Parameters:
    ///   - folder: A checkpoint's or a tokenizer's folder.
    ///   - file: A template to use in place of the folder's.
    /// - Throws: ``ChatTemplateError`` if there is none, and ``TemplateError`` if it is wrong.
    package init(folder: URL, file: URL? = nil) throws {
        let config = try Self.json("tokenizer_config.json", in: folder)
        tokens = Self.tokens([config, try Self.json("special_tokens_map.json", in: folder)])
        if let file {
            template = try Template(try Self.source(file))
            toolTemplate = nil
            return
        }
        let sources = try Self.sources(in: folder, config)
        guard let source = sources["default"] else {
            throw ChatTemplateError(
                "\(folder.path) has no chat template, neither \(Self.fileName) nor \"chat_template\" in tokenizer_config.json",
                remedy: "Give one with --chat-template FILE.")
        }
        template = try Template(source)
        toolTemplate = try sources["tool_use"].map { try Template($0) }
    }

    /// - Parameter tokens: Such as `bos_token`; text in them is the template's own.
    package init(_ source: String, tokens: [(name: String, text: String)] = []) throws {
        template = try Template(source)
        toolTemplate = nil
        self.tokens = tokens.map { Template.Variable($0.name, .string($0.text), isTrusted: true) }
    }

    /// Whether a folder has a template.
    ///
    /// - Throws: ``ChatTemplateError`` for files that cannot be read.
    package static func isPresent(in folder: URL) throws -> Bool {
        try !sources(in: folder, json("tokenizer_config.json", in: folder)).isEmpty
    }

    /// Renders a chat.
    ///
    /// - Parameters:
    ///   - messages: A list of objects, such as `{"role": "user", "content": "Hello"}`.
    ///   - tools: A list of JSON schemas; nil for a chat without tools.
    ///   - addGenerationPrompt: Whether the text ends where the model's answer begins.
    ///   - variables: Others that the template may read. They never replace those above.
    ///   - now: The time that `strftime_now` writes.
    /// - Throws: ``TemplateError``, whose cause says whether the messages are to blame.
    package func render(
        messages: JSONValue, tools: JSONValue? = nil, addGenerationPrompt: Bool = true,
        variables: [Template.Variable] = [],
        now: @escaping (String) -> String = ChatTemplate.localTime
    ) throws(TemplateError) -> RenderedText {
        guard case .array(let list) = messages else {
            throw TemplateError(.messages, line: nil, "they are not a list")
        }
        let template = tools == nil ? self.template : toolTemplate ?? self.template
        return try template.render(now: now) { values in
            for variable in variables + tokens {
                values[variable.name] = try template.value(
                    of: variable.value, isTrusted: variable.isTrusted)
            }
            let chat = try list.map { try Self.message($0, template) }
            values["messages"] = .list(
                Elements(chat, depth: (chat.lazy.map(\.depth).max() ?? 0) + 1))
            values["tools"] =
                try tools.map { try template.value(of: $0, isTrusted: false) }
                ?? Value.none
            values["documents"] = Value.none
            values["add_generation_prompt"] = .boolean(addGenerationPrompt)
        }
    }

    /// Roles that may be part of a special token, which templates such as Phi's write as
    /// `'<|' + message.role + '|>'`.
    private static let roles: Set<String> = [
        "system", "developer", "user", "assistant", "tool", "function", "ipython", "model",
    ]

    private static func message(_ message: JSONValue, _ template: Template) throws -> Value {
        guard case .object(let entries) = message else {
            throw TemplateError(.messages, line: nil, "one of them is not an object")
        }
        let value = try template.value(of: .object(withReasoning(entries)), isTrusted: false)
        guard case .table(var table) = value, let role = message["role"]?.string,
            roles.contains(role)
        else { return value }
        table.set(.text("role"), hashed: Key("role"), to: .text(role))
        return .table(table)
    }

    /// Names under which templates look for what a model thought, as transformers fills them.
    private static func withReasoning(_ entries: [(String, JSONValue)]) -> [(String, JSONValue)] {
        let names = ["reasoning_content", "thinking", "reasoning"]
        let found = names.lazy.compactMap { name in entries.first { $0.0 == name }?.1 }
            .first { !$0.isNull }
        guard let found else { return entries }
        var result = entries
        if !entries.contains(where: { $0.0 == "thinking" }) {
            result.insert(("thinking", found), at: 0)
        }
        if let place = result.firstIndex(where: { $0.0 == names[0] }) {
            result[place].1 = found
        } else {
            result.append((names[0], found))
        }
        return result
    }

    // MARK: - Files

    private static let tokenNames = [
        "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    ]

    /// The tokens that the first of the files which knows them names.
    private static func tokens(_ files: [JSONValue?]) -> [Template.Variable] {
        func text(_ value: JSONValue?) -> String? { value?.string ?? value?["content"]?.string }
        return tokenNames.compactMap { name in
            files.lazy.compactMap { text($0?[name]) }.first.map {
                Template.Variable(name, .string($0), isTrusted: true)
            }
        }
    }

    private static func sources(
        in folder: URL, _ config: JSONValue?
    ) throws -> [String: String] {
        let file = folder.appending(path: fileName)
        if FileManager.default.fileExists(atPath: file.path) {
            var sources = ["default": try source(file)]
            let tools = folder.appending(path: "additional_chat_templates/tool_use.jinja")
            if FileManager.default.fileExists(atPath: tools.path) {
                sources["tool_use"] = try source(tools)
            }
            return sources
        }
        switch config?["chat_template"] {
        case nil, .null: return [:]
        case .string(let source): return ["default": source]
        case .array(let list):
            var sources: [String: String] = [:]
            for entry in list {
                guard let name = entry["name"]?.string, let source = entry["template"]?.string
                else { throw wrongTemplate(folder) }
                sources[name] = source
            }
            return sources
        default: throw wrongTemplate(folder)
        }
    }

    private static func wrongTemplate(_ folder: URL) -> ChatTemplateError {
        ChatTemplateError(
            "\"chat_template\" in \(folder.path)/tokenizer_config.json is neither a text nor a list of objects with name and template",
            remedy: "Correct it, or give a template with --chat-template FILE.")
    }

    private static func source(_ file: URL) throws -> String {
        let contents = try read(file, limit: TemplateLimits().sourceBytes)
        guard let source = String(validating: contents, as: UTF8.self) else {
            throw ChatTemplateError(
                "\(file.path) is not UTF-8", remedy: "Save the template as UTF-8.")
        }
        return source
    }

    private static func json(_ name: String, in folder: URL) throws -> JSONValue? {
        let file = folder.appending(path: name)
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        do {
            return try read(file, limit: 64 << 20).withUnsafeBytes { try JSONValue($0) }
        } catch let failure as JSONScanner.Failure {
            throw ChatTemplateError(
                "\(file.path) is not JSON: \(failure.problem) (at byte \(failure.offset))",
                remedy: "Correct the file, or copy or download it again.")
        }
    }

    private static func read(_ file: URL, limit: Int) throws -> Data {
        let size = (try? file.resourceValues(forKeys: [.fileSizeKey]))?.fileSize ?? 0
        guard size <= limit, let contents = try? Data(contentsOf: file) else {
            throw ChatTemplateError(
                "\(file.path) cannot be read or has more than \(limit) bytes",
                remedy: "Give a file that holds a chat template.")
        }
        return contents
    }

    // MARK: - Time

    /// The time here and now in a format of C's `strftime`.
    package static func localTime(_ format: String) -> String {
        var now = time(nil)
        var parts = tm()
        localtime_r(&now, &parts)
        return text(of: parts, format)
    }

    /// The parts of a time in a format of C's `strftime`; empty for one that is too long.
    package static func text(of time: tm, _ format: String) -> String {
        var time = time
        var bytes = [CChar](repeating: 0, count: 1 << 16)
        let count = strftime(&bytes, bytes.count, format, &time)
        return String(decoding: bytes[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// A chat template that a folder does not have, and what to do about it.
package struct ChatTemplateError: Error, Hashable, Sendable, CustomStringConvertible {
    package let problem: String
    package let remedy: String

    package init(_ problem: String, remedy: String) {
        self.problem = problem
        self.remedy = remedy
    }

    package var description: String { "\(problem). \(remedy)" }
}
