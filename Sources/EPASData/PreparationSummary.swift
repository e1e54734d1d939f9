/// What a preparation did.
package struct PreparationSummary: Sendable {
    /// A document that was left out.
    package struct Example: Sendable, Hashable {
        /// `path`, or `path:line`.
        package let origin: String
        package let detail: String
    }

    package struct Skipped: Sendable, Hashable {
        package var count = 0
        /// The first few.
        package var examples: [Example] = []
    }

    package struct Part: Sendable, Hashable {
        package var documents = 0
        package var tokens = 0
        /// Bytes of UTF-8 text.
        package var textBytes = 0
        package var shards = 0
    }

    package static let examplesKept = 5

    package internal(set) var train = Part()
    package internal(set) var validation = Part()
    package internal(set) var skipped: [SkipReason: Skipped] = [:]
    package internal(set) var vocabularySize = 0
    package internal(set) var tokenizerHash = ""
    /// Whether decoding the tokens gives back every text.
    package internal(set) var isLossless = true
    /// Bytes of text the tokenizer was trained on; `nil` if it was given.
    package internal(set) var tokenizerTextBytes: Int?

    package var documents: Int { train.documents + validation.documents }
    package var tokens: Int { train.tokens + validation.tokens }
    package var textBytes: Int { train.textBytes + validation.textBytes }
    package var skippedCount: Int { skipped.values.reduce(0) { $0 + $1.count } }

    /// Bytes of text for each token, the documents' ends included.
    package var bytesPerToken: Double { tokens == 0 ? 0 : Double(textBytes) / Double(tokens) }

    /// Of the tokens, the share that is kept for validation.
    package var validationShare: Double {
        tokens == 0 ? 0 : Double(validation.tokens) / Double(tokens)
    }

    mutating func skip(_ reason: SkipReason, _ origin: Origin, detail: String) {
        skipped[reason, default: Skipped()].count += 1
        if skipped[reason]!.examples.count < Self.examplesKept {
            skipped[reason]!.examples.append(
                Example(origin: origin.description, detail: detail))
        }
    }
}
