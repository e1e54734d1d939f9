import Foundation

/// Prepared text and a run of six steps with a growing region, made once for all tests.
///
/// Paths are relative to ``folder``, whose own path has a space.
struct Pipeline {
    let folder: URL
    /// What `epas train` wrote while it ran.
    let training: Program.Result

    static let runFile = """
        model: {layers: 4, width: 32, heads: 4, kv_heads: 2, ffn: 64, max_sequence: 64}
        data: {path: data}
        sharing: {kind: qk, target: 0.5, growth: 1, interval: 2}
        training:
          steps: 6
          batch: 2
          sequence: 16
          precision: float32
          learning_rate: {schedule: constant, peak: 1e-3, warmup: 1}
        validation: {every: 3, lengths: [0, half, full], batches: 2}
        checkpoint: {every: 3, keep: 2}
        """

    private static let shared = Swift.Result { try Pipeline() }

    static func get() throws -> Pipeline { try shared.get() }

    /// Runs the program in the pipeline's folder.
    func run(_ arguments: String...) throws -> Program.Result {
        try Program.run(arguments, in: folder)
    }

    private init() throws {
        folder = TestFolder.shared.appending(path: "pipe line")
        let texts = folder.appending(path: "texts")
        try FileManager.default.createDirectory(at: texts, withIntermediateDirectories: true)
        for i in 0..<40 {
            let lines = (0..<200).map { "value_\($0 % 17) = layer.\($0 % (i + 3)) + \(i * $0)" }
            try Data(lines.joined(separator: "\n").utf8)
                .write(to: texts.appending(path: "\(i).txt"))
        }
        try Data(Self.runFile.utf8).write(to: folder.appending(path: "run.yaml"))
        for (name, fraction) in [("data", "0.2"), ("data without validation", "0")] {
            let prepared = try Program.run(
                [
                    "data", "prepare", "--input", "texts", "--output", name, "--vocabulary-size",
                    "290", "--validation-fraction", fraction,
                ], in: folder)
            guard prepared.status == 0 else { throw PipelineError(result: prepared) }
        }
        training = try Program.run(["train", "run.yaml"], in: folder)
        guard training.status == 0 else { throw PipelineError(result: training) }
    }
}

struct PipelineError: Error {
    let result: Program.Result
}

/// The JSON objects of a text that has one a line.
func objects(_ text: String) throws -> [[String: Any]] {
    try text.split(separator: "\n").map { line in
        let value = try JSONSerialization.jsonObject(with: Data(line.utf8))
        guard let object = value as? [String: Any] else { throw CocoaError(.coderReadCorrupt) }
        return object
    }
}
