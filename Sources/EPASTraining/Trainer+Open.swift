import EPASArray
import EPASCheckpoint
package import EPASConfig
import EPASData
import EPASModel
package import EPASRuntime
import EPASTokenizer
package import Foundation

extension Trainer {
    /// Opens a run: its data, its folder, and its last good checkpoint if it continues one.
    ///
    /// - Parameters:
    ///   - folder: The run folder, created if needed.
    ///   - resuming: Whether to continue; a folder with checkpoints is refused otherwise.
    ///   - interruption: Asked between any two device calls; a signal's number saves and ends.
    /// - Throws: ``ConfigError``, ``CheckpointError``, ``DataError`` and ``PJRTError``, each saying
    ///   what to do.
    package static func open(
        _ config: RunConfig, folder url: URL, resuming: Bool, client: Client,
        cache: ExecutableCache?,
        interruption: @escaping () -> Int32? = { Interruption.received },
        report: @escaping (TrainingEvent) -> Void
    ) throws -> Trainer {
        let path = URL(filePath: config.data.path)
        let training = try TokenDataset(path, split: .train)
        let tokenizer = try training.tokenizer()
        let setup = try RunSetup.open(config, vocabulary: training.vocabularySize)
        let identity = RunIdentity(setup, dataFingerprint: training.fingerprint)

        let folder = try RunFolder(url)
        let start = try resumePoint(
            folder, resuming: resuming, setup: setup, identity: identity, report: report)
        let machine = SavedState.machine(client)
        if let start, start.machine != machine {
            report(
                .notice(
                    "The checkpoint was computed by \(start.machine), the run continues by"
                        + " \(machine): sums are rounded differently, so this is not the run that"
                        + " would have been."))
        }
        try folder.write(config)
        let validation = try validationBatches(path, config)
        if validation.isEmpty {
            report(.notice("The data has no validation split, so nothing is validated."))
        }
        let base = try baseFolder(setup)
        return try Trainer(
            setup, folder: folder, identity: identity, resuming: start, training: training,
            validation: validation,
            tokenizer: tokenizer, inheritedEnds: base?.endOfSequence ?? [],
            client: client, cache: cache,
            initialParameter: { parameter in
                try base?.parameter(parameter)
                    ?? setup.model.initialValue(of: parameter, seed: config.training.seed)
            }, interruption: interruption, report: report)
    }

    /// The checkpoint to continue from, or `nil` for a new run.
    private static func resumePoint(
        _ folder: RunFolder, resuming: Bool, setup: RunSetup, identity: RunIdentity,
        report: (TrainingEvent) -> Void
    ) throws -> ResumePoint? {
        guard resuming else {
            guard folder.checkpoints.steps.isEmpty else {
                throw CheckpointError(
                    folder.url.path, "the run folder has checkpoints of an earlier run",
                    remedy: "Continue it with --resume, or choose another folder with --output.")
            }
            return nil
        }
        let found = folder.checkpoints.latestGood()
        for refused in found.refused { report(.notice("Not used: \(refused)")) }
        guard let checkpoint = found.checkpoint else {
            guard found.refused.isEmpty else {
                throw CheckpointError(
                    folder.url.path, "none of the run's checkpoints can be used",
                    remedy: "Restore one from a copy, or delete the folder and start anew.")
            }
            report(.notice("There is no checkpoint to continue from; the run starts anew."))
            return nil
        }
        let point = try ResumePoint(checkpoint, setup: setup, identity: identity)
        report(.notice("Continuing after step \(point.progress.step) from \(checkpoint.url.path)"))
        return point
    }

    private static func validationBatches(
        _ path: URL, _ config: RunConfig
    ) throws -> [TokenBatch] {
        let dataset = try TokenDataset(path, split: .validation)
        guard dataset.tokenCount > 0 else { return [] }
        return try dataset.validationBatches(
            batch: config.training.batch, sequence: config.training.sequence,
            limit: config.validation.batches)
    }

    /// The folder that `model.from` names, where parameters start.
    private static func baseFolder(_ setup: RunSetup) throws -> ModelFolder? {
        guard case .folder(let path) = setup.config.model.base else { return nil }
        return try ModelFolder(URL(filePath: path))
    }
}
