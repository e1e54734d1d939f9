// The training loop: the paper's Algorithm 1, with what keeps a run safe around it.

package import EPASCheckpoint
package import EPASData
package import EPASModel
package import EPASRuntime
package import EPASTokenizer
package import Foundation

/// One training run in its folder.
package final class Trainer {
    /// How a run ended.
    package enum Ending: Hashable, Sendable {
        case finished
        /// By a signal; the state is saved.
        case interrupted(signal: Int32)
    }

    private let setup: RunSetup
    private let folder: RunFolder
    private let client: Client
    private let programs: RunPrograms
    private let report: (TrainingEvent) -> Void
    private let interruption: () -> Int32?

    private let tokenizerFiles: [TokenizerFile]
    private let validation: [TokenBatch]
    private var batches: BatchStream
    private var metrics: MetricsLog
    private var state: TrainingState
    private var progress: RunProgress

    /// Prepares a run: opens its data, and uploads its last checkpoint or initial parameters.
    ///
    /// - Parameters:
    ///   - start: A checkpoint of this run to continue from; `nil` starts anew.
    ///   - initialParameter: The value of a parameter before the first step.
    ///   - interruption: Asked between any two device calls; a signal's number saves and ends.
    package init(
        _ setup: RunSetup, folder: RunFolder, resuming start: ResumePoint?, training: TokenDataset,
        validation: TokenDataset?, tokenizerFiles: [TokenizerFile], client: Client,
        cache: ExecutableCache?,
        initialParameter: (ParameterSpecification) throws -> HostArray,
        interruption: @escaping () -> Int32? = { Interruption.received },
        report: @escaping (TrainingEvent) -> Void
    ) throws {
        let config = setup.config
        self.setup = setup
        self.folder = folder
        self.client = client
        self.report = report
        self.interruption = interruption
        self.tokenizerFiles = tokenizerFiles
        programs = RunPrograms(setup) { try client.compile($0, cache: cache) }
        progress = start?.progress ?? RunProgress()
        batches = try BatchStream(
            training, batch: config.training.batch, sequence: config.training.sequence,
            seed: config.training.seed, cursor: progress.cursor)
        self.validation = try validation?.validationBatches(
            batch: config.training.batch, sequence: config.training.sequence,
            limit: config.validation.batches) ?? []
        if self.validation.isEmpty {
            report(.notice("The data has no validation split of at least one batch, so nothing is validated."))
        }
        if let start {
            state = try TrainingState(
                setup.model, client: client, parameter: start.parameter, moment: start.moment)
        } else {
            state = try TrainingState(
                startingFrom: setup.model, client: client, parameter: initialParameter)
        }
        metrics = try MetricsLog(folder: folder.url, continuingAfter: progress.step)
    }

    /// Runs until the last step or a signal.
    ///
    /// - Throws: ``TrainingError``, ``PJRTError``, and what saving throws.
    package func run() throws -> Ending {
        let steps = setup.config.training.steps
        var savedStep = progress.step
        while progress.step < steps {
            guard try advance() else { return try interrupted(savedStep: savedStep) }
            let isLast = progress.step == steps
            if isDue(setup.config.validation.every) || isLast {
                guard try validate() else { return try interrupted(savedStep: savedStep) }
            }
            if isDue(setup.config.checkpoint.every) || isLast {
                try save()
                savedStep = progress.step
            }
        }
        return .finished
    }

    private func isDue(_ every: Int) -> Bool {
        every > 0 && progress.step.isMultiple(of: every)
    }

    private var stops: Bool { interruption() != nil }

    private func interrupted(savedStep: Int) throws -> Ending {
        // A step without its validation is not saved as done: resuming would skip the validation.
        if progress.step > savedStep { try save() }
        return .interrupted(signal: interruption() ?? 0)
    }

    /// Does one step; `false` if a signal came before it began.
    private func advance() throws -> Bool {
        let clock = ContinuousClock()
        let start = clock.now
        let step = progress.step + 1
        let plan = setup.schedule.plan(atStep: step)
        let share = plan.text(layers: setup.model.layers)
        if stops { return false }
        if !programs.hasStep(plan) { report(.compiling(share: share)) }
        guard let program = try programs.step(plan, until: { stops }) else { return false }
        programs.prepare(after: step, validates: !validation.isEmpty)

        let rate = setup.learningRate.rate(atStep: step)
        var inputs: [HostArray] = []
        for _ in 0..<setup.config.training.accumulation { inputs.append(try batches.next().tokens) }
        let outcome = try program(&state, batches: inputs, step: step, learningRate: rate)

        let seconds = (clock.now - start).inSeconds
        let record = StepRecord(
            step: step, tokens: progress.tokens + setup.tokensPerStep,
            loss: outcome.loss.isFinite ? Double(outcome.loss) : nil,
            gradientNorm: outcome.gradientNorm.isFinite ? Double(outcome.gradientNorm) : nil,
            learningRate: rate, share: share, sharingLayers: plan.sources.count, seconds: seconds,
            elapsedSeconds: progress.elapsedSeconds + seconds,
            tokensPerSecond: Double(setup.tokensPerStep) / seconds,
            flopsPerSecond: setup.flopsPerStep(plan) / seconds)
        try metrics.append(.training(record))
        report(.stepped(record))
        guard outcome.isFinite else {
            throw TrainingError.notFinite(
                step: step, loss: outcome.loss, gradientNorm: outcome.gradientNorm)
        }
        progress = RunProgress(
            step: step, tokens: record.tokens, elapsedSeconds: record.elapsedSeconds,
            cursor: batches.cursor)
        return true
    }

    /// Measures the loss at every wanted region length; `false` if a signal came.
    private func validate() throws -> Bool {
        guard !validation.isEmpty else { return true }
        for (index, plan) in setup.validationPlans.enumerated() {
            let share = plan.text(layers: setup.model.layers)
            guard let evaluator = try programs.evaluator(plan, until: { stops }),
                let result = try evaluator(
                    state.parameters, batches: validation.lazy.map(\.tokens), until: { stops })
            else { return false }
            let record = ValidationRecord(
                step: progress.step, tokens: progress.tokens, share: share,
                sharingLayers: plan.sources.count,
                loss: result.loss.isFinite ? result.loss : nil, validationTokens: result.tokens,
                seconds: result.seconds, elapsedSeconds: progress.elapsedSeconds,
                tokensPerSecond: result.tokensPerSecond)
            try metrics.append(.validation(record))
            report(.validated(record, index: index, count: setup.validationPlans.count))
        }
        return true
    }
}
