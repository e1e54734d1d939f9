import EPASCheckpoint
package import Foundation

/// `metrics.jsonl`: one ``MetricsRecord`` a line, appended as the run goes.
package final class MetricsLog {
    package static let fileName = "metrics.jsonl"

    private let folder: URL
    private let file: AppendedFile
    private let encoder: JSONEncoder
    /// Training steps whose records the log had when it was opened.
    let stepsAtStart: Int

    /// Opens the log of a run folder for a run that has done `step` steps.
    ///
    /// Records of later steps, left by a run that was stopped after its last checkpoint, are
    /// removed: the resumed run writes them again. So is a last line that was cut off.
    ///
    /// - Throws: ``CheckpointError`` if the file cannot be written.
    package init(folder: URL, continuingAfter step: Int) throws {
        let url = folder.appending(path: Self.fileName)
        self.folder = folder
        encoder = Self.makeEncoder()
        let kept = try Self.records(in: folder).filter { $0.step <= step }
        var text = Data()
        for record in kept { text += try encoder.encode(record) + Data("\n".utf8) }
        try replaceFile(url, with: text)
        let steps = kept.compactMap { record in
            if case .training(let step) = record { step.step } else { nil }
        }
        stepsAtStart = Set(steps).count
        file = try AppendedFile(url)
    }

    package func append(_ record: MetricsRecord) throws {
        try file.append(try encoder.encode(record) + Data("\n".utf8))
    }

    /// How many region lengths the log has for the validation after a step.
    package func validations(ofStep step: Int) throws -> Int {
        try Self.records(in: folder).count { record in
            if case .validation(let validation) = record { validation.step == step } else { false }
        }
    }

    /// Makes sure that the lines so far survive a loss of power.
    package func synchronize() throws {
        try file.synchronize()
    }

    /// Reads a run folder's records; lines that are not records are left out. Empty without a log.
    package static func records(in folder: URL) throws -> [MetricsRecord] {
        let url = folder.appending(path: fileName)
        guard FileManager.default.fileExists(atPath: url.path) else { return [] }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try Data(contentsOf: url).split(separator: UInt8(ascii: "\n"))
            .compactMap { try? decoder.decode(MetricsRecord.self, from: $0) }
    }

    private static func makeEncoder() -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }
}
