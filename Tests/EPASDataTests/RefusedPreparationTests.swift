import EPASData
import EPASTokenizer
import Foundation
import Testing

@Suite("Refused preparations")
struct RefusedPreparationTests {
    let folder: TemporaryFolder
    let input: String

    init() throws {
        folder = try TemporaryFolder()
        input = try folder.write(sampleText(1), to: "a.txt")
    }

    private func preparation(_ inputs: [String]) -> DataPreparation {
        var preparation = DataPreparation(
            inputs: inputs, output: folder["out"], tokenizer: .trained(vocabularySize: 300))
        preparation.validationFraction = 0
        return preparation
    }

    /// Runs what has to fail, and checks that it leaves nothing behind.
    private func failure(of preparation: DataPreparation) throws -> String {
        let before = try TemporaryFolder.contents(of: folder.url)
        var message = ""
        do {
            try preparation.run()
            Issue.record("the preparation did not fail")
        } catch {
            message = "\(error)"
        }
        #expect(try TemporaryFolder.contents(of: folder.url) == before)
        return message.replacing(folder.url.path, with: "DIR")
    }

    @Test func aMissingInput() throws {
        #expect(
            try failure(of: preparation([input, folder["nowhere"].path]))
                == "The input DIR/nowhere cannot be opened: No such file or directory. "
                + "Give files and folders that exist.")
    }

    @Test func aFolderWithoutFiles() throws {
        var preparation = preparation([folder.url.path])
        preparation.include = [Glob("*.py")]
        #expect(
            try failure(of: preparation)
                == "The inputs hold no files to read. "
                + "Give other inputs, or other --include and --exclude patterns.")
    }

    @Test func aStream() throws {
        #expect(
            try failure(of: preparation(["/dev/null"]))
                == "The input /dev/null is neither a file nor a folder. "
                + "Give files and folders; a stream has to be saved to a file first.")
    }

    @Test func noUsableDocument() throws {
        var preparation = preparation([try folder.write("[]\n", to: "b.jsonl")])
        #expect(
            try failure(of: preparation)
                == "There is no text to train a tokenizer on. "
                + "Give text, or a tokenizer that is already trained.")
        preparation.tokenizer = .given(try tokenizer())
        #expect(
            try failure(of: preparation)
                == "The inputs hold no usable document: 1 not a valid JSON object "
                + "(DIR/b.jsonl:1: the line is not a valid JSON object). "
                + "Give UTF-8 text files, or .jsonl files with the field \"text\".")
    }

    @Test func allDocumentsInValidation() throws {
        var preparation = preparation([input])
        preparation.tokenizer = .given(try tokenizer())
        preparation.validationFraction = 0.999_999
        #expect(
            try failure(of: preparation)
                == "All 1 documents fell to validation. "
                + "Give more documents, or a smaller --validation-fraction.")
    }

    private func tokenizer() throws -> URL {
        let url = folder["tokenizer"]
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        try SentencePieceTokenizer.train(vocabularySize: 300, on: [sampleText(1)]).write(to: url)
        return url
    }

    @Test func aTakenPlace() throws {
        try folder.write("mine", to: "out/notes.txt")
        var preparation = preparation([input])
        preparation.replaces = true
        #expect(
            try failure(of: preparation)
                == "DIR/out exists and is not a prepared data set. "
                + "Choose another --output, or remove it.")
        try folder.write("{}", to: "out/manifest.json")
        preparation.replaces = false
        #expect(
            try failure(of: preparation)
                == "DIR/out already holds a data set. "
                + "Choose another --output, or replace it with --force.")
        preparation.replaces = true
        try preparation.run()
        #expect(try TemporaryFolder.contents(of: folder["out"])["notes.txt"] == nil)
    }

    @Test func aPlaceThatCannotBe() throws {
        var preparation = preparation([input])
        preparation.output = URL(filePath: input + "/out")
        #expect(
            try failure(of: preparation)
                == "The folder DIR/a.txt cannot be written to. "
                + "Choose another --output, or make it writable.")
    }

    static let refusedNumbers:
        [(change: @Sendable (inout DataPreparation) -> Void, message: String)] =
            [
                (
                    { $0.validationFraction = 1 },
                    "A validation fraction of 1.0 is not possible. "
                        + "Use a number of at least 0 and below 1."
                ),
                (
                    { $0.validationFraction = .nan },
                    "A validation fraction of nan is not possible. "
                        + "Use a number of at least 0 and below 1."
                ),
                ({ $0.threads = 0 }, "0 threads are not possible. Use 1 or more."),
                (
                    { $0.shardTokens = 0 },
                    "Shards of 0 tokens are not possible. Use 1 to 268435456 tokens."
                ),
                (
                    { $0.documentLimit = -1 },
                    "A document limit of -1 bytes is not possible. Use 1 or more."
                ),
                (
                    { $0.sampleLimit = 0 },
                    "A sample limit of 0 bytes is not possible. Use 1 or more."
                ),
                (
                    { $0.tokenizer = .trained(vocabularySize: -1) },
                    "A vocabulary of -1 tokens is not possible. Use 260 to 1048575 tokens."
                ),
            ]

    @Test("numbers out of range", arguments: 0..<7)
    func outOfRange(index: Int) throws {
        let (change, message) = Self.refusedNumbers[index]
        var preparation = preparation([input])
        change(&preparation)
        #expect(try failure(of: preparation) == message)
    }

    @Test func anAbandonedFolderStaysAway() throws {
        let lines = try (0..<100).map { try jsonLine(sampleText($0)) }.joined(separator: "\n")
        var preparation = preparation([try folder.write(lines, to: "b.jsonl")])
        preparation.shardTokens = 10
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted()
        let error = #expect(throws: DataError.self) {
            try preparation.run(folder: { #expect($0.abandon()) })
        }
        #expect(error?.problem == "Preparing \(folder["out"].path) was interrupted")
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted() == names)
    }

    @Test func aCompleteFolderIsNotAbandoned() throws {
        var opened: OutputFolder?
        try preparation([input]).run(folder: { opened = $0 })
        let contents = try TemporaryFolder.contents(of: folder["out"])
        let output = try #require(opened)
        #expect(!output.abandon())
        #expect(try TemporaryFolder.contents(of: folder["out"]) == contents)
    }
}
