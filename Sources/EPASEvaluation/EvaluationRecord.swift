package import EPASCheckpoint
package import Foundation

/// The measured table of a checkpoint, kept in its folder: `epas-evaluation.json`.
package struct EvaluationRecord: Hashable, Sendable, Codable {
    private static let currentVersion = 1

    private let version: Int
    /// The type of activations and products that was measured with: `float32` or `bfloat16`.
    package let dtype: String
    /// The type of the matrices' numbers: `int8`, or that of products; `nil` in older records.
    package let weights: String?
    /// Most tokens of an input.
    package let sequence: Int
    package let rows: [EvaluationTable.Row]
    /// `nil` where no target was given.
    package let recommendation: Recommendation?

    package init(
        _ table: EvaluationTable, dtype: String, weights: String? = nil, sequence: Int,
        recommendation: Recommendation?
    ) {
        version = Self.currentVersion
        self.dtype = dtype
        self.weights = weights
        self.sequence = sequence
        rows = table.rows
        self.recommendation = recommendation
    }

    package var table: EvaluationTable { EvaluationTable(rows: rows) }

    /// The record as JSON over several lines; numbers that are not finite are texts.
    package var json: Data {
        get throws {
            let encoder = JSONEncoder()
            encoder.keyEncodingStrategy = .convertToSnakeCase
            encoder.nonConformingFloatEncodingStrategy = .convertToString(
                positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return try encoder.encode(self) + Data("\n".utf8)
        }
    }

    /// Writes the record into a checkpoint's folder in place of an earlier one, whole or not at
    /// all. It is no part of what the checkpoint's manifest vouches for.
    ///
    /// - Returns: The file.
    @discardableResult
    package func save(in folder: URL) throws -> URL {
        let file = folder.appendingPathComponent(CheckpointFolder.evaluationName)
        try replaceFile(file, with: json)
        return file
    }

    /// Reads the record of a folder; `nil` if there is none.
    ///
    /// - Throws: ``CheckpointError`` for a file that no version known here has written.
    package static func load(from folder: URL) throws(CheckpointError) -> EvaluationRecord? {
        let file = folder.appendingPathComponent(CheckpointFolder.evaluationName)
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        guard let data = try? Data(contentsOf: file),
            let record = try? decoder.decode(EvaluationRecord.self, from: data),
            record.version == currentVersion
        else {
            throw CheckpointError(
                file.path, "it is not a table that epas evaluate has written",
                remedy: "Delete it, and run epas evaluate again.")
        }
        return record
    }
}
