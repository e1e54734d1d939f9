import EPASTokenizer
package import Foundation

/// Turns text into token shards: what `epas data prepare` does.
///
/// Equal input files and options give a byte-identical folder, whatever the number of threads.
package struct DataPreparation: Sendable {
    /// Where the tokenizer comes from.
    package enum TokenizerSource: Sendable {
        /// A folder or file.
        case given(URL)
        /// Trained on a sample of the training documents.
        case trained(vocabularySize: Int)
    }

    /// Files and folders.
    package var inputs: [String]
    package var output: URL
    package var tokenizer: TokenizerSource
    /// Share of the documents that are kept for validation, at least 0 and below 1.
    package var validationFraction = 0.01
    /// The field of a JSON line that holds the text.
    package var textField = "text"
    /// Files of folders that are taken; all if empty.
    package var include: [Glob] = []
    /// Files and folders of folders that are left out.
    package var exclude: [Glob] = []
    /// Whether any document that has to be left out is an error.
    package var isStrict = false
    package var threads = ProcessInfo.processInfo.activeProcessorCount
    package var seed: UInt64 = 1
    /// Tokens of a full shard.
    package var shardTokens = 16 << 20
    /// Whether a data set at the output is replaced.
    package var replaces = false
    /// Most bytes of a document, or of a line that holds one.
    package var documentLimit = 64 << 20
    /// Most bytes of text that the tokenizer is trained on.
    package var sampleLimit = 64 << 20

    package init(inputs: [String], output: URL, tokenizer: TokenizerSource) {
        self.inputs = inputs
        self.output = output
        self.tokenizer = tokenizer
    }

    /// Prepares the data.
    ///
    /// - Parameters:
    ///   - folder: Called with the output folder when it begins to exist, so that it can be
    ///     abandoned.
    ///   - report: Called with the progress after each few megabytes.
    /// - Throws: ``DataError`` or `TokenizerError`; nothing is left behind.
    @discardableResult
    package func run(
        folder opened: (OutputFolder) -> Void = { _ in },
        report: (PreparationProgress) -> Void = { _ in }
    ) throws -> PreparationSummary {
        try check()
        try OutputFolder.check(output, replacing: replaces)
        let files = try InputFile.list(inputs, include: include, exclude: exclude, excluded: output)
        guard !files.isEmpty else {
            throw DataError(
                "The inputs hold no files to read",
                remedy: "Give other inputs, or other --include and --exclude patterns.")
        }
        let pass = DocumentPass(self, files)
        // Before the long work, so that a place that cannot be written to is known at once.
        let folder = try OutputFolder(at: output, replacing: replaces, opened: opened)
        do {
            return try write(pass, try makeTokenizer(pass, report), to: folder, report)
        } catch {
            folder.abandon()
            throw error
        }
    }

    private func check() throws {
        guard 0..<1 ~= validationFraction else {
            throw DataError(
                "A validation fraction of \(validationFraction) is not possible",
                remedy: "Use a number of at least 0 and below 1.")
        }
        guard threads >= 1 else {
            throw DataError("\(threads) threads are not possible", remedy: "Use 1 or more.")
        }
        if case .trained(let size) = tokenizer {
            try SentencePieceTokenizer.check(vocabularySize: size)
        }
        guard 1...(1 << 28) ~= shardTokens else {
            throw DataError(
                "Shards of \(shardTokens) tokens are not possible",
                remedy: "Use 1 to \(1 << 28) tokens.")
        }
        for (limit, name) in [(documentLimit, "document"), (sampleLimit, "sample")] {
            guard 1...(1 << 40) ~= limit else {
                throw DataError(
                    "A \(name) limit of \(limit) bytes is not possible", remedy: "Use 1 or more.")
            }
        }
    }

    private func makeTokenizer(
        _ pass: DocumentPass, _ report: (PreparationProgress) -> Void
    ) throws -> PreparedTokenizer {
        switch tokenizer {
        case .given(let url):
            let given = try loadTokenizer(at: url)
            guard given.beginningOfSequence != nil || given.endOfSequence != nil else {
                throw DataError(
                    "The tokenizer \(url.path) has neither a first nor a last token of a document",
                    remedy: "Use one with <s> or </s>.")
            }
            return PreparedTokenizer(tokenizer: given, sampleBytes: nil)
        case .trained(let vocabularySize):
            var sample = DocumentSample(limit: sampleLimit)
            try pass.forEach(
                phase: .reading, report: report,
                map: { text in
                    (text, DocumentDraw(text, seed: seed, validationFraction: validationFraction))
                },
                skip: { _, _, _ in },
                body: { (text, draw) in
                    if !draw.isValidation { sample.add(text, rank: draw.rank) }
                })
            report(PreparationProgress(phase: .training))
            let trained = try SentencePieceTokenizer.train(
                vocabularySize: vocabularySize, on: sample.documents)
            return PreparedTokenizer(tokenizer: trained, sampleBytes: sample.bytes)
        }
    }

    private func write(
        _ pass: DocumentPass, _ prepared: PreparedTokenizer, to folder: OutputFolder,
        _ report: (PreparationProgress) -> Void
    ) throws -> PreparationSummary {
        let tokenizer = prepared.tokenizer
        var summary = PreparationSummary()
        summary.vocabularySize = tokenizer.vocabularySize
        summary.tokenizerHash = tokenizer.hash
        summary.isLossless = tokenizer.isLossless
        summary.tokenizerTextBytes = prepared.sampleBytes
        var train = SplitWriter(.train, tokenizer, shardTokens: shardTokens, folder)
        var validation = SplitWriter(.validation, tokenizer, shardTokens: shardTokens, folder)
        try pass.forEach(
            phase: .encoding, report: report,
            map: { text in
                let draw = DocumentDraw(text, seed: seed, validationFraction: validationFraction)
                return (text.utf8.count, draw.isValidation, tokenizer.document(text))
            },
            skip: { reason, origin, detail in summary.skip(reason, origin, detail: detail) },
            body: { bytes, isValidation, ids in
                if isValidation {
                    try validation.append(document: ids, textBytes: bytes)
                } else {
                    try train.append(document: ids, textBytes: bytes)
                }
            })
        try train.finish()
        try validation.finish()
        (summary.train, summary.validation) = (train.summary, validation.summary)
        guard train.summary.documents > 0 else { throw nothingToTrainOn(summary) }
        for file in tokenizer.files {
            try folder.write(Array(file.contents), to: "tokenizer/\(file.name)")
        }
        let manifest = Manifest(
            tokenizer: Manifest.TokenizerFacts(
                sha256: tokenizer.hash, vocabularySize: tokenizer.vocabularySize,
                beginningOfSequence: tokenizer.beginningOfSequence,
                endOfSequence: tokenizer.endOfSequence),
            seed: seed, validationFraction: validationFraction, train: train.part,
            validation: validation.part,
            skipped: SkipReason.allCases.compactMap { reason in
                summary.skipped[reason].map {
                    Manifest.Skipped(reason: reason.key, documents: $0.count)
                }
            })
        try folder.write(Array(manifest.file()), to: Manifest.fileName)
        try folder.commit()
        return summary
    }

    private func nothingToTrainOn(_ summary: PreparationSummary) -> DataError {
        if summary.validation.documents > 0 {
            return DataError(
                "All \(summary.validation.documents) documents fell to validation",
                remedy: "Give more documents, or a smaller --validation-fraction.")
        }
        let reasons = SkipReason.allCases.compactMap { reason in
            summary.skipped[reason].map {
                "\($0.count) \(reason.text) (\($0.examples[0].origin): \($0.examples[0].detail))"
            }
        }
        return DataError(
            "The inputs hold no usable document"
                + (reasons.isEmpty ? "" : ": " + reasons.joined(separator: ", ")),
            remedy: "Give UTF-8 text files, or .jsonl files with the field \"\(textField)\".")
    }
}

/// A tokenizer, and the bytes of text it was trained on if it was.
private struct PreparedTokenizer {
    let tokenizer: any Tokenizer
    let sampleBytes: Int?
}

extension Tokenizer {
    /// A document's tokens with its first and last token, as LLaMA reads them.
    fileprivate func document(_ text: String) -> [Int32] {
        var ids: [Int32] = []
        if let beginningOfSequence { ids.append(beginningOfSequence) }
        ids += encode(text)
        if let endOfSequence { ids.append(endOfSequence) }
        return ids
    }
}
