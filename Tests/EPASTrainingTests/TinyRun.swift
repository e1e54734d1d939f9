import EPASConfig
import EPASData
import EPASRuntime
import EPASTesting
import EPASTraining
import Foundation

/// A run of six steps of a tiny model, in a temporary folder, whose region grows after steps 2
/// and 4. It validates after steps 3 and 6 and saves after every second.
final class TinyRun {
    static let steps = 6

    /// A folder of this process for everything that runs share, removed at its end.
    private static let shared: URL = {
        atexit { try? FileManager.default.removeItem(at: TinyRun.shared) }
        return FileManager.default.temporaryDirectory
            .appending(path: "epas-trainer-\(UUID().uuidString)")
    }()

    /// Prepared data, made once.
    static let data = Result { try prepare("data", seed: 1, validationFraction: 0.3) }

    let folder: URL
    var settings: [String]
    /// The events of the last ``train(resuming:until:)``.
    private(set) var events: [TrainingEvent] = []

    init(_ settings: [String] = []) {
        folder = Self.shared.appending(path: UUID().uuidString)
        self.settings = settings
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    static func prepare(_ name: String, seed: Int, validationFraction: Double) throws -> URL {
        let text = shared.appending(path: "\(name)-text")
        let output = shared.appending(path: name)
        try FileManager.default.createDirectory(at: text, withIntermediateDirectories: true)
        for document in 0..<20 {
            let lines = (0..<12).map { "layer_\($0 % 5) = row(\(document * seed + $0 * 7))" }
            try lines.joined(separator: "\n").write(
                to: text.appending(path: "\(document).txt"), atomically: true, encoding: .utf8)
        }
        var preparation = DataPreparation(
            inputs: [text.path], output: output, tokenizer: .trained(vocabularySize: 290))
        preparation.validationFraction = validationFraction
        preparation.threads = 1
        try preparation.run()
        return output
    }

    func config() throws -> RunConfig {
        let yaml = """
            model: {layers: 3, width: 8, heads: 2, ffn: 12, tied: true, max_sequence: 16}
            data: {path: \(try Self.data.get().path)}
            sharing: {kind: qk, target: 2, interval: 2}
            training: {steps: \(Self.steps), batch: 2, sequence: 8, precision: float32}
            validation: {every: 3, lengths: [0, full], batches: 2}
            checkpoint: {every: 2, keep: 2}
            """
        return try RunConfig(yaml: yaml, overrides: settings)
    }

    /// - Parameter stop: Says of the number of ``milestones`` whether a signal comes now.
    func open(
        resuming: Bool = false, client: Client? = nil,
        until stop: @escaping (Int) -> Bool = { _ in false }
    ) throws -> Trainer {
        events = []
        return try Trainer.open(
            config(), folder: folder, resuming: resuming,
            client: try client ?? TestClient.shared,
            cache: ExecutableCache(directory: Self.shared.appending(path: "programs")),
            interruption: { [unowned self] in stop(milestones.count) ? SIGTERM : nil },
            report: { [unowned self] in events.append($0) })
    }

    /// Trains until the end, or until `stop` says so of the number of ``milestones``.
    @discardableResult
    func train(
        resuming: Bool = false, until stop: @escaping (Int) -> Bool = { _ in false }
    ) throws -> Trainer.Ending {
        try open(resuming: resuming, until: stop).run()
    }

    /// The events that every run has in the same order, in a few words each.
    var milestones: [String] {
        events.compactMap { event in
            switch event {
            case .stepped(let record): "step \(record.step)"
            case .validated(let record, _, _): "\(record.share) after \(record.step)"
            case .saved(let step, _): "saved \(step)"
            case .compiling, .memory, .notice: nil
            }
        }
    }

    var notices: [String] {
        events.compactMap { if case .notice(let text) = $0 { text } else { nil } }
    }

    func checkpoint(_ step: Int) -> URL {
        folder.appending(path: "checkpoints/step-0000000\(step)")
    }

    var checkpoints: [String] {
        get throws {
            try FileManager.default.contentsOfDirectory(
                atPath: folder.appending(path: "checkpoints").path
            ).sorted()
        }
    }

    /// Everything that a run leaves behind but the times: its metrics, and the files of its last
    /// checkpoint.
    func outcome() throws -> [String: Data] {
        let last = checkpoint(Self.steps)
        var result: [String: Data] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: last.path)
        where name != "state.json" && name != "manifest.json" {
            result[name] = try Data(contentsOf: last.appending(path: name))
        }
        let lines = try String(
            contentsOf: folder.appending(path: "metrics.jsonl"), encoding: .utf8)
        for (index, line) in lines.split(separator: "\n").enumerated() {
            var fields =
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
            for time in ["seconds", "elapsed_seconds", "tokens_per_second", "flops_per_second"] {
                fields[time] = nil
            }
            result["line \(index)"] = try JSONSerialization.data(
                withJSONObject: fields, options: .sortedKeys)
        }
        return result
    }

    /// Changes one bit of a file of a checkpoint.
    func damage(_ step: Int, _ name: String) throws {
        let url = checkpoint(step).appending(path: name)
        var data = try Data(contentsOf: url)
        data[data.count / 2] ^= 4
        try data.write(to: url)
    }
}
