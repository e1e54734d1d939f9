// The training loop: the paper's Algorithm 1, with what keeps a run safe around it.

import BasicContainers
import EPASArray
import EPASConfig
import EPASData
import EPASModel
import EPASRuntime
import EPASTokenizer

/// One training run in its folder; see ``open(_:folder:resuming:client:cache:interruption:report:)``.
package final class Trainer {
    /// How a run ended.
    package enum Ending: Hashable, Sendable {
        case finished
        /// By a signal; the state is saved.
        case interrupted(signal: Int32)
    }

    let setup: RunSetup
    let folder: RunFolder
    let identity: RunIdentity
    let tokenizer: any Tokenizer
    /// Tokens that end a text for the model that the run began with, besides the tokenizer's own.
    let inheritedEnds: [Int]
    /// What computes, as a checkpoint notes it.
    let machine: String
    let metrics: MetricsLog
    let report: (TrainingEvent) -> Void
    private(set) var state: TrainingState
    private(set) var progress: RunProgress

    private let client: Client
    private let programs: RunPrograms
    /// The most that a step so far needs, as reported.
    private var memory: StepMemory?
    private let interruption: () -> Int32?
    private let validation: [HostArray]
    private var batches: BatchStream

    /// Prepares a run and uploads its last checkpoint or its initial parameters.
    ///
    /// - Parameters:
    ///   - start: A checkpoint of this run to continue from; `nil` starts anew.
    ///   - identity: What a later continuation must have in common with this run.
    ///   - validation: Batches to validate on, all of one shape; empty validates nothing.
    ///   - initialParameter: The value of a parameter before the first step.
    ///   - interruption: Asked between any two device calls; a signal's number saves and ends.
    init(
        _ setup: RunSetup, folder: RunFolder, identity: RunIdentity, resuming start: ResumePoint?,
        training: TokenDataset, validation: [TokenBatch], tokenizer: any Tokenizer,
        inheritedEnds: [Int],
        client: Client, cache: ExecutableCache?,
        initialParameter: (ParameterSpecification) throws -> HostArray,
        interruption: @escaping () -> Int32?, report: @escaping (TrainingEvent) -> Void
    ) throws {
        self.setup = setup
        self.folder = folder
        self.identity = identity
        self.tokenizer = tokenizer
        self.inheritedEnds = inheritedEnds
        machine = SavedState.machine(client)
        self.client = client
        self.report = report
        self.interruption = interruption
        self.validation = validation.map(\.tokens)
        let progress = start?.progress ?? RunProgress()
        self.progress = progress
        programs = RunPrograms(
            setup, validationBatch: validation.first?.tokens.shape.dimensions[0] ?? 0,
            kernels: client.kernels
        ) { try client.compile($0, cache: cache) }
        let config = setup.config.training
        batches = try BatchStream(
            training, batch: config.batch, sequence: config.sequence, seed: config.seed,
            cursor: progress.cursor)
        if let start {
            state = try TrainingState(
                setup.model, client: client, parameter: start.parameter, moment: start.moment)
        } else {
            state = try TrainingState(
                startingFrom: setup.model, client: client,
                momentType: setup.optimizer.momentType, parameter: initialParameter)
        }
        metrics = try MetricsLog(folder: folder.url, continuingAfter: progress.step)
        let lost = progress.step - metrics.stepsAtStart
        if lost > 0 {
            report(
                .notice(
                    "\(MetricsLog.fileName) lacks \(lost) of the \(progress.step) steps before the"
                        + " checkpoint; they are not written again."))
        }
    }

    /// Runs until the last step or a signal.
    ///
    /// - Throws: ``TrainingError``, ``PJRTError``, and what saving throws.
    package func run() throws -> Ending {
        let steps = setup.config.training.steps
        var savedStep = progress.step
        // A run that a signal ended within a validation is saved before it, and owes it.
        guard try validateIfDue() else { return try interrupted(savedStep: savedStep) }
        while progress.step < steps {
            guard try advance(), try validateIfDue() else {
                return try interrupted(savedStep: savedStep)
            }
            if isDue(setup.config.checkpoint.every) {
                try save()
                savedStep = progress.step
            }
        }
        return .finished
    }

    /// Whether something done every so many steps, and at the end, is done after this one.
    private func isDue(_ every: Int) -> Bool {
        guard progress.step > 0 else { return false }
        return progress.step == setup.config.training.steps
            || every > 0 && progress.step.isMultiple(of: every)
    }

    private var stops: Bool { interruption() != nil }

    private func interrupted(savedStep: Int) throws -> Ending {
        if progress.step > savedStep { try save() }
        return .interrupted(signal: interruption() ?? 0)
    }

    /// Does one step; `false` if a signal came before its update.
    private func advance() throws -> Bool {
        let clock = ContinuousClock()
        let start = clock.now
        let step = progress.step + 1
        let plan = setup.schedule.plan(atStep: step)
        let share = plan.text(layers: setup.model.layers)
        if stops { return false }
        if !programs.hasStep(plan) { report(.compiling(share: share)) }
        guard let program = try programs.step(plan, until: { stops }) else { return false }
        try reportMemory(of: program)
        programs.prepare(during: step, validates: !validation.isEmpty)

        let rate = setup.learningRate.rate(atStep: step)
        var following = batches
        var inputs: [HostArray] = []
        for _ in 0..<setup.config.training.accumulation {
            inputs.append(try following.next().tokens)
        }
        let result = try program.advance(
            &state, batches: inputs, step: step, learningRate: rate, until: { stops })
        guard let outcome = result else { return false }

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
        batches = following
        progress = RunProgress(
            step: step, tokens: record.tokens, elapsedSeconds: record.elapsedSeconds,
            cursor: batches.cursor)
        return true
    }

    /// Says what a step takes before it takes it: at the start, and when it becomes more.
    private func reportMemory(of program: StepExecutable) throws {
        guard let needed = try program.memory(), needed.temporary > memory?.temporary ?? -1
        else { return }
        memory = needed
        report(.memory(needed))
        let mode = setup.config.training.rematerialization
        if let available = try client.availableMemoryBytes(),
            let warning = needed.shortage(
                available: available,
                remedy: mode == .layer
                    ? "Lower training.batch."
                    : "Set training.rematerialization to layer, or lower training.batch.")
        {
            report(.notice(warning))
        }
    }

    /// Measures the loss at every wanted region length if this step is followed by a validation
    /// that the log lacks; `false` if a signal came.
    private func validateIfDue() throws -> Bool {
        let plans = setup.validationPlans
        guard isDue(setup.config.validation.every), !validation.isEmpty else { return true }
        let done = try metrics.validations(ofStep: progress.step)
        for (index, plan) in plans.enumerated().dropFirst(done) {
            guard let evaluator = try programs.evaluator(plan, until: { stops }),
                let result = try evaluator(
                    state.parameters, batches: validation, until: { stops })
            else { return false }
            let record = ValidationRecord(
                step: progress.step, tokens: progress.tokens,
                share: plan.text(layers: setup.model.layers), sharingLayers: plan.sources.count,
                loss: result.loss.isFinite ? result.loss : nil, validationTokens: result.tokens,
                seconds: result.seconds, elapsedSeconds: progress.elapsedSeconds,
                tokensPerSecond: result.tokensPerSecond)
            try metrics.append(.validation(record))
            report(.validated(record, index: index, count: plans.count))
        }
        return true
    }
}
