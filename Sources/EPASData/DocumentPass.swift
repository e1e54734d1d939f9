/// Goes through the documents of the input files, working on several at a time.
struct DocumentPass {
    /// Records are read, worked on and handed on in batches of about this many bytes.
    private static let batchBytes = 4 << 20

    private let preparation: DataPreparation
    private let files: [InputFile]

    init(_ preparation: DataPreparation, _ files: [InputFile]) {
        self.preparation = preparation
        self.files = files
    }

    /// Calls `body` with what `map` makes of each document, in order.
    ///
    /// - Parameter map: Called on several threads.
    /// - Throws: ``DataError`` for a document that has to be left out, if the preparation is
    ///   strict; what `body` throws.
    func forEach<Mapped: Sendable>(
        phase: PreparationProgress.Phase, report: (PreparationProgress) -> Void,
        map: @Sendable (String) -> Mapped, skip: (SkipReason, Origin, String) -> Void,
        body: (Mapped) throws -> Void
    ) throws {
        var reader = RecordReader(files, limit: preparation.documentLimit)
        var progress = PreparationProgress(phase: phase)
        progress.totalFileBytes = files.reduce(0) { $0 + $1.size }
        let field = preparation.textField
        let start = ContinuousClock.now
        while true {
            let batch = reader.nextBatch(bytes: Self.batchBytes)
            if batch.isEmpty { return }
            let results = parallelMap(batch, threads: preparation.threads) {
                record -> MapResult<Mapped> in
                switch Document(record, field: field) {
                case .text(let text): .document(map(text), textBytes: text.utf8.count)
                case .skipped(let reason, let detail): .skipped(reason, detail: detail)
                }
            }
            for (record, result) in zip(batch, results) {
                switch result {
                case .document(let mapped, let textBytes):
                    progress.documents += 1
                    progress.textBytes += textBytes
                    try body(mapped)
                case .skipped(let reason, let detail):
                    guard !preparation.isStrict else {
                        throw DataError(
                            "\(record.origin) cannot be used: \(detail)",
                            remedy: "Correct it, or leave out --strict to go on without it.")
                    }
                    skip(reason, record.origin, detail)
                }
            }
            progress.fileBytes = reader.bytesRead
            progress.seconds = (ContinuousClock.now - start) / .seconds(1)
            report(progress)
        }
    }
}

private enum MapResult<Mapped: Sendable>: Sendable {
    case document(Mapped, textBytes: Int)
    case skipped(SkipReason, detail: String)
}
