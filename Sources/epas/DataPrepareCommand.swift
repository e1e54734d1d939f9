import ArgumentParser
import EPASData
import EPASTraining
import Foundation

struct DataPrepareCommand: ParsableCommand {
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
        help: ArgumentHelp(
            "Files and folders of text. Folders are searched for files, hidden ones left out.",
            valueName: "path"))
    var input: [String]

    @Option(help: ArgumentHelp("The folder to make.", valueName: "folder"))
    var output: String

    @Option(
        help: ArgumentHelp(
            "A tokenizer to use: a folder with tokenizer.json or tokenizer.model, or the file.",
            valueName: "path"))
    var tokenizer: String?

    @Option(
        help: ArgumentHelp(
            "Train a tokenizer of this many tokens on a sample of the text.", valueName: "tokens"))
    var vocabularySize: Int?

    @Option(
        help: ArgumentHelp(
            "Part of the documents that is kept for validation.", valueName: "fraction"))
    var validationFraction = 0.01

    @Option(
        help: ArgumentHelp("The field of a JSON line that holds the text.", valueName: "name"))
    var textField = "text"

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "Take only files of folders that fit this pattern, such as '*.py'. May be repeated.",
            valueName: "pattern"))
    var include: [String] = []

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "Leave out files and folders that fit this pattern. May be repeated.",
            valueName: "pattern"))
    var exclude: [String] = []

    @Flag(help: "Stop at the first document that cannot be used, instead of leaving it out.")
    var strict = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("CPU threads; 0 uses every core.", valueName: "count"))
    var threads = 0

    @Option(
        help: ArgumentHelp(
            "Seed of the validation split and of the tokenizer's sample.", valueName: "number"))
    var seed: UInt64 = 1

    @Option(help: ArgumentHelp("Tokens of a full shard.", valueName: "tokens"))
    var shardTokens = 16 << 20

    @Option(help: ArgumentHelp("The most bytes of a document.", valueName: "bytes"))
    var documentLimit = 64 << 20

    @Option(
        help: ArgumentHelp(
            "The most bytes of text that a tokenizer is trained on.", valueName: "bytes"))
    var sampleLimit = 64 << 20

    @Flag(help: "Replace a data set that is already there.")
    var force = false

    @OptionGroup var json: JSONOption

    func validate() throws {
        try require(!input.isEmpty, "Give --input at least one file.")
        try require(
            (tokenizer == nil) != (vocabularySize == nil),
            "Give either --tokenizer with a tokenizer, or --vocabulary-size to train one.")
        try require(
            0..<1 ~= validationFraction,
            "--validation-fraction is \(validationFraction). Use 0 or more, below 1.")
        try requirePositive([
            ("vocabulary-size", vocabularySize ?? 1), ("shard-tokens", shardTokens),
            ("document-limit", documentLimit), ("sample-limit", sampleLimit),
        ])
        try require(threads >= 0, "--threads is \(threads). Use 0 or more.")
    }

    func run() throws {
        let line = ProgressLine()
        let start = Date()
        let summary = try preparation.run(folder: { folder in
            Interruption.beforeExit {
                folder.abandon()
                    ? "Interrupted; nothing was written." : "Interrupted; the data set is complete."
            }
        }) { progress in
            if progress.phase == .training {
                line.show("Training the tokenizer")
            } else {
                line.update(Self.text(progress))
            }
        }
        line.clear()
        let seconds = Date().timeIntervalSince(start)
        let report = PreparationReport(summary, seconds: seconds)
        if json.isOn { try printJSON(report.fields) } else { try printLine(report.text) }
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
        if threads > 0 { preparation.threads = threads }
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
