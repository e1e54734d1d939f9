import EPASData
import Foundation

/// The summary of `epas data prepare`, for people and for programs.
struct PreparationReport {
    private let summary: PreparationSummary
    private let seconds: Double

    init(_ summary: PreparationSummary, seconds: Double) {
        self.summary = summary
        self.seconds = seconds
    }

    var text: String {
        var lines = [
            "\(summary.documents) documents, \(summary.tokens) tokens, "
                + String(format: "%.2f bytes per token", summary.bytesPerToken),
            "training: \(text(summary.train))",
            "validation: \(text(summary.validation))"
                + String(format: ", %.2f %% of the tokens", 100 * summary.validationShare),
            "vocabulary: \(summary.vocabularySize) tokens"
                + (summary.tokenizerTextBytes.map { ", trained on \($0) bytes of text" } ?? ""),
        ]
        if summary.skippedCount == 0 {
            lines.append("left out: nothing")
        } else {
            lines.append("left out: \(summary.skippedCount)")
            for reason in SkipReason.allCases {
                guard let skipped = summary.skipped[reason] else { continue }
                lines.append("  \(skipped.count) \(reason.text), such as")
                lines += skipped.examples.map { "    \($0.origin): \($0.detail)" }
            }
        }
        if !summary.isLossless {
            lines.append("This tokenizer changes text: decoding does not give back all of it.")
        }
        if summary.validation.documents == 0, summary.train.documents > 0 {
            lines.append("No document fell to validation.")
        }
        lines.append(
            String(
                format: "%.1f s, %.1f MB/s", seconds,
                Double(summary.textBytes) / 1e6 / max(seconds, 1e-3)))
        return lines.joined(separator: "\n")
    }

    var fields: some Encodable { Fields(summary, seconds) }

    private func text(_ part: PreparationSummary.Part) -> String {
        "\(part.documents) documents, \(part.tokens) tokens, \(part.shards) shards"
    }
}

private struct Fields: Encodable {
    struct Example: Encodable {
        let origin: String
        let reason: String
        let detail: String
    }

    let documents: Int
    let tokens: Int
    let textBytes: Int
    let bytesPerToken: Double
    let trainDocuments: Int
    let trainTokens: Int
    let validationDocuments: Int
    let validationTokens: Int
    let validationShare: Double
    let vocabularySize: Int
    let tokenizerSha256: String
    let isLossless: Bool
    let skipped: Int
    let skippedByReason: [String: Int]
    let skippedExamples: [Example]
    let seconds: Double

    init(_ summary: PreparationSummary, _ seconds: Double) {
        documents = summary.documents
        tokens = summary.tokens
        textBytes = summary.textBytes
        bytesPerToken = summary.bytesPerToken
        trainDocuments = summary.train.documents
        trainTokens = summary.train.tokens
        validationDocuments = summary.validation.documents
        validationTokens = summary.validation.tokens
        validationShare = summary.validationShare
        vocabularySize = summary.vocabularySize
        tokenizerSha256 = summary.tokenizerHash
        isLossless = summary.isLossless
        skipped = summary.skippedCount
        skippedByReason = Dictionary(
            uniqueKeysWithValues: summary.skipped.map { ($0.key.key, $0.value.count) })
        skippedExamples = SkipReason.allCases.flatMap { reason in
            (summary.skipped[reason]?.examples ?? []).map {
                Example(origin: $0.origin, reason: reason.key, detail: $0.detail)
            }
        }
        self.seconds = seconds
    }
}
