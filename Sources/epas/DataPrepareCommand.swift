import ArgumentParser
import EPASData
import Foundation

struct DataPrepareCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prepare",
        abstract: "Turn text into a folder of tokens, with the tokenizer that made them.",
        discussion: """
            A text file is one document, a .jsonl file holds one in each line, and either may be \
            compressed (.zst). Files are read as streams; one document has to fit in memory. \
            Equal inputs and options give equal folders, byte for byte.
            """)

    @Option(
        parsing: .upToNextOption,
        help: "Files and folders of text. Folders are searched for files, hidden ones left out.")
    var input: [String]

    @Option(help: "The folder to make.")
    var output: String

    @Option(help: "A tokenizer to use: a folder with tokenizer.model, or the file.")
    var tokenizer: String?

    @Option(help: "Train a tokenizer of this many tokens on a sample of the text.")
    var vocabularySize: Int?

    @Option(help: "Share of the documents that is kept for validation.")
    var validationFraction = 0.01

    @Option(help: "The field of a JSON line that holds the text.")
    var textField = "text"

    @Option(
        parsing: .singleValue,
        help: "Take only files of folders that fit this pattern, such as '*.py'. May be repeated.")
    var include: [String] = []

    @Option(
        parsing: .singleValue,
        help: "Leave out files and folders that fit this pattern. May be repeated.")
    var exclude: [String] = []

    @Flag(help: "Stop at the first document that cannot be used, instead of leaving it out.")
    var strict = false

    @Option(help: "Threads to work on; by default, as many as there are cores.")
    var threads: Int?

    @Option(help: "Seed of the validation split and of the tokenizer's sample.")
    var seed: UInt64 = 1

    @Option(help: "Tokens of a full shard.")
    var shardTokens = 16 << 20

    @Option(help: "Most bytes of a document.")
    var documentLimit = 64 << 20

    @Option(help: "Most bytes of text that a tokenizer is trained on.")
    var sampleLimit = 64 << 20

    @Flag(help: "Replace a data set that is already there.")
    var force = false

    @Flag(help: "Print the summary as JSON.")
    var json = false

    func validate() throws {
        guard !input.isEmpty else { throw ValidationError("Give --input at least one file.") }
        guard (tokenizer == nil) != (vocabularySize == nil) else {
            throw ValidationError(
                "Give either --tokenizer with a tokenizer, or --vocabulary-size to train one.")
        }
        guard 0..<1 ~= validationFraction else {
            throw ValidationError("--validation-fraction has to be at least 0 and below 1.")
        }
        guard threads ?? 1 >= 1 else { throw ValidationError("--threads has to be 1 or more.") }
    }

    func run() async throws {
        let interrupt = Interrupt()
        var line = ProgressLine()
        let start = Date()
        let summary = try preparation.run(folder: interrupt.abandonsOnSignal) { progress in
            if progress.phase == .training {
                line.show("Training the tokenizer")
            } else {
                line.update(Self.text(progress))
            }
        }
        line.clear()
        let seconds = Date().timeIntervalSince(start)
        let report = PreparationReport(summary, seconds: seconds)
        print(json ? try report.json : report.text)
    }

    private var preparation: DataPreparation {
        var preparation = DataPreparation(
            inputs: input, output: URL(filePath: output),
            tokenizer: tokenizer.map { .given(URL(filePath: $0)) }
                ?? .trained(vocabularySize: vocabularySize ?? 0))
        preparation.validationFraction = validationFraction
        preparation.textField = textField
        preparation.include = include.map(Glob.init)
        preparation.exclude = exclude.map(Glob.init)
        preparation.isStrict = strict
        if let threads { preparation.threads = threads }
        preparation.seed = seed
        preparation.shardTokens = shardTokens
        preparation.replaces = force
        preparation.documentLimit = documentLimit
        preparation.sampleLimit = sampleLimit
        return preparation
    }

    private static func text(_ progress: PreparationProgress) -> String {
        let what = progress.phase == .reading ? "Reading" : "Encoding"
        let megabytes = Double(progress.textBytes) / 1e6
        let share =
            progress.totalFileBytes == 0
            ? 100 : 100 * Double(progress.fileBytes) / Double(progress.totalFileBytes)
        return String(
            format: "%@: %ld documents, %.1f MB, %.1f MB/s, %.0f %%", what, progress.documents,
            megabytes, megabytes / max(progress.seconds, 1e-3), share)
    }
}
