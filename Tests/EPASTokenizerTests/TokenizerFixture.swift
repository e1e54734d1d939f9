import Foundation

/// The fixtures that Scripts/make_tokenizer_fixtures.py makes.
enum TokenizerFixture {
    static let names = ["legacy", "metaspace", "byte-level", "byte-level-added"]

    /// What the library `tokenizers` makes of the texts.
    struct Expected: Decodable {
        struct Case: Decodable {
            let file: String
            let ids: [[Int32]]
            let special: [[Int32]]
            let decoded: [String]
        }
        let texts: [String]
        let cases: [Case]
    }

    static func url(_ name: String) -> URL {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")
            .appending(path: name)
    }

    static func expected() throws -> Expected {
        try JSONDecoder().decode(Expected.self, from: Data(contentsOf: url("expected.json")))
    }
}

/// A small tokenizer.json with parts that a test replaces.
struct TokenizerJSONText {
    var vocabulary = #""<unk>": 0, "a": 1, "b": 2, "ab": 3, "▁": 4"#
    var merges = #"["a", "b"]"#
    var settings = #""unk_token": "<unk>""#
    var added = ""
    /// Parts besides the model, each with a comma before it.
    var parts = ""

    var text: String {
        """
        {"version": "1.0", "added_tokens": [\(added)]\(parts), "model": {"type": "BPE", \
        \(settings), "vocab": {\(vocabulary)}, "merges": [\(merges)]}}
        """
    }

    static func added(_ id: Int, _ content: String, special: Bool = true, more: String = "")
        -> String
    {
        let flags = ["single_word", "lstrip", "rstrip", "normalized"].map { key in
            "\"\(key)\": \(more == key)"
        }
        return """
            {"id": \(id), "content": "\(content)", \(flags.joined(separator: ", ")), \
            "special": \(special)}
            """
    }
}

/// A new folder, removed with the value's last copy.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
    }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: url.appending(path: name))
    }
}
