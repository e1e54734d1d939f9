import Foundation
import Testing

@testable import EPASTemplate

@Suite("whether a folder has a chat template")
struct TemplatePresenceTests {
    @Test(
        "by its files",
        arguments: [
            ([:], false),
            (["chat_template.jinja": "x"], true),
            (["tokenizer_config.json": "{}"], false),
            (["tokenizer_config.json": #"{"chat_template": null}"#], false),
            (["tokenizer_config.json": #"{"chat_template": "x"}"#], true),
            (
                [
                    "tokenizer_config.json":
                        #"{"chat_template": [{"name": "default", "template": "x"}]}"#
                ], true
            ),
        ] as [([String: String], Bool)])
    func presence(files: [String: String], isPresent: Bool) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files {
            try Data(text.utf8).write(to: folder.appending(path: name))
        }
        #expect(try ChatTemplate.isPresent(in: folder) == isPresent)
    }
}
