// A run's folder: run.yaml, metrics.jsonl, checkpoints/step-00000400/…

package import EPASArray
package import EPASCheckpoint
import EPASConfig
package import EPASModel
import EPASRuntime
package import Foundation

/// The folder of one run, locked for this process as long as the value lives.
package struct RunFolder: Sendable {
    package let url: URL
    package let checkpoints: CheckpointStore
    private let lock: RunLock

    /// Creates the folder if needed and locks it.
    ///
    /// - Throws: ``CheckpointError`` if another process trains in it, or it cannot be made.
    package init(_ url: URL) throws {
        self.url = url
        lock = try RunLock(url)
        checkpoints = Self.checkpoints(of: url)
        try checkpoints.removeLeftovers()
    }

    /// The checkpoints of a run folder, for reading.
    package static func checkpoints(of url: URL) -> CheckpointStore {
        CheckpointStore(url.appending(path: "checkpoints"))
    }

    /// Records the configuration as resolved.
    func write(_ config: RunConfig) throws {
        try replaceFile(url.appending(path: "run.yaml"), with: Data(config.yaml.utf8))
    }
}

/// What a run depends on beside its state; a checkpoint can only be continued under the same.
struct RunIdentity: Hashable, Codable {
    /// Name and value of each part, in words a user knows from the run file.
    let parts: [String: String]

    init(_ setup: RunSetup, dataFingerprint: String) {
        let training = setup.config.training
        let model = setup.model
        parts = [
            "data": dataFingerprint,
            "model":
                "\(model.layers) layers, width \(model.width), heads \(model.heads)/\(model.keyValueHeads)"
                + " of \(model.headDimension), ffn \(model.feedForward), vocabulary \(model.vocabulary)"
                + ", rope_theta \(model.ropeTheta), norm_epsilon \(model.normEpsilon)"
                + ", tied \(model.tiedEmbeddings)",
            "training.batch": "\(training.batch)",
            "training.accumulation": "\(training.accumulation)",
            "training.sequence": "\(training.sequence)",
            "training.seed": "\(training.seed)",
            "training.precision": training.precision.rawValue,
            "training.moments": training.moments.rawValue,
            "sharing": setup.config.sharing.map { _ in
                setup.schedule.finalPlan.text(layers: model.layers)
                    + ", growth \(setup.schedule.growth), interval \(setup.schedule.interval)"
                    + ", first_switch \(setup.schedule.firstSwitch)"
            } ?? "none",
        ]
    }

    /// What differs from another identity, as clauses.
    func differences(from saved: RunIdentity) -> [String] {
        parts.sorted { $0.key < $1.key }.compactMap { key, value in
            let old = saved.parts[key] ?? "unknown"
            return old == value ? nil : "\(key) was \(old) and is \(value)"
        }
    }
}

/// The contents of `state.json`.
struct SavedState: Codable {
    let progress: RunProgress
    let identity: RunIdentity
    /// The plan after the checkpoint's step, which the schedule must give again.
    let share: String
    /// What computed; see ``machine(_:)``.
    let machine: String

    /// What decides how sums are split, and so how they are rounded.
    static func machine(_ client: Client) -> String {
        "\(client.platformName) with \(client.threads) threads"
    }
}

/// A checkpoint that a run continues from.
package struct ResumePoint: Sendable {
    package let progress: RunProgress
    /// What computed the checkpoint.
    let machine: String
    private let model: SafetensorsFile
    private let optimizer: SafetensorsFile

    /// Reads a checkpoint and compares it with the run that wants to continue it.
    ///
    /// - Throws: ``CheckpointError`` if it is of another run, or lacks tensors.
    init(_ checkpoint: CheckpointFolder, setup: RunSetup, identity: RunIdentity) throws {
        let saved = try checkpoint.decode("state.json", as: SavedState.self)
        var differences = identity.differences(from: saved.identity)
        let share = setup.schedule.plan(atStep: saved.progress.step + 1)
            .text(layers: setup.model.layers)
        if differences.isEmpty, share != saved.share {
            differences = ["the schedule gave \(saved.share) and gives \(share)"]
        }
        guard differences.isEmpty, saved.progress.step == checkpoint.step else {
            throw CheckpointError(
                checkpoint.url.path,
                differences.isEmpty
                    ? ["state.json is of step \(saved.progress.step)"] : differences,
                remedy: "Continue with the settings it was saved with, or start a new run"
                    + " with --output.")
        }
        progress = saved.progress
        machine = saved.machine
        model = try checkpoint.tensors("model.safetensors")
        optimizer = try checkpoint.tensors("optimizer.safetensors")
        let shapes = setup.model.parameters.map { ($0.name, $0.shape(.float32)) }
        try checkTensors(model, expected: Dictionary(uniqueKeysWithValues: shapes))
        try checkTensors(
            optimizer,
            expected: Dictionary(
                uniqueKeysWithValues: shapes.flatMap { name, shape in
                    Self.momentNames(name).map {
                        ($0, shape.with(setup.optimizer.momentType))
                    }
                }))
    }

    /// The names of a parameter's first and second moment in `optimizer.safetensors`.
    static func momentNames(_ parameter: String) -> [String] {
        ["first_moment.\(parameter)", "second_moment.\(parameter)"]
    }

    package func parameter(_ specification: ParameterSpecification) throws -> HostArray {
        try model.array(specification.name)
    }

    /// The first (0) or second (1) moment of a parameter.
    package func moment(_ specification: ParameterSpecification, _ order: Int) throws -> HostArray {
        try optimizer.array(Self.momentNames(specification.name)[order])
    }
}
