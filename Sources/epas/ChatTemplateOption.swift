import ArgumentParser
import EPASCheckpoint
import EPASServer
import EPASTemplate
import EPASTokenizer
import Foundation

/// `--chat-template` of the commands that put messages into a model's form.
struct ChatTemplateOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            A file with a chat template in Jinja. (default: the checkpoint's chat_template.jinja, \
            or chat_template in tokenizer_config.json)
            """, valueName: "file"),
        completion: .file())
    var chatTemplate: String?

    /// - Throws: ``ChatTemplateError`` if the checkpoint has none and none is given.
    func load(for folder: ModelFolder, tokenizer: any Tokenizer) throws -> TemplateChat {
        let template = try ChatTemplate(
            folder: folder.url, file: chatTemplate.map { URL(filePath: $0) })
        return TemplateChat(template, tokenizer: tokenizer)
    }

    /// The same, or nothing if there is none at all.
    func loadIfPresent(for folder: ModelFolder, tokenizer: any Tokenizer) throws -> TemplateChat? {
        guard try chatTemplate != nil || ChatTemplate.isPresent(in: folder.url) else { return nil }
        return try load(for: folder, tokenizer: tokenizer)
    }
}
