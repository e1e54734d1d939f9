import EPASConfig
import EPASModel
import EPASRuntime

/// The compiled programs of a run, each compiled on a background thread before it is needed.
///
/// Used by one thread. Nothing is started ahead of its need while something is being compiled:
/// compiling takes cores from training.
final class RunPrograms {
    private let setup: RunSetup
    private let validationBatch: Int
    private let kernels: Set<String>
    private let compile: @Sendable (String) throws -> Executable
    private var steps: [SharingPlan: BackgroundTask<StepExecutable>] = [:]
    private var evaluators: [SharingPlan: BackgroundTask<Evaluator>] = [:]

    /// - Parameters:
    ///   - validationBatch: Sequences in a validation batch.
    ///   - kernels: The kernels that the plugin has.
    init(
        _ setup: RunSetup, validationBatch: Int, kernels: Set<String>,
        compile: @escaping @Sendable (String) throws -> Executable
    ) {
        self.setup = setup
        self.validationBatch = validationBatch
        self.kernels = kernels
        self.compile = compile
    }

    /// The step program of a plan; `nil` as soon as `stop` says so while it is compiled.
    func step(_ plan: SharingPlan, until stop: () -> Bool) throws -> StepExecutable? {
        // A plan never comes back: the region only grows.
        for old in steps.keys where old.sources.count < plan.sources.count { steps[old] = nil }
        return try startStep(plan).wait(until: stop)
    }

    /// The validation program of a plan; `nil` as soon as `stop` says so while it is compiled.
    func evaluator(_ plan: SharingPlan, until stop: () -> Bool) throws -> Evaluator? {
        try startEvaluator(plan).wait(until: stop)
    }

    /// Whether a plan's step program is ready.
    func hasStep(_ plan: SharingPlan) -> Bool { steps[plan]?.isFinished ?? false }

    /// Starts compiling whatever is needed next, unless something is being compiled.
    ///
    /// - Parameter step: The step being done.
    func prepare(during step: Int, validates: Bool) {
        guard steps.values.allSatisfy(\.isFinished), evaluators.values.allSatisfy(\.isFinished)
        else { return }
        if validates, let plan = setup.validationPlans.first(where: { evaluators[$0] == nil }) {
            _ = startEvaluator(plan)
            return
        }
        let next = setup.schedule.switches(steps: setup.config.training.steps)
            .first { $0.step > step }
        if let next, steps[next.plan] == nil { _ = startStep(next.plan) }
    }

    private func startStep(_ plan: SharingPlan) -> BackgroundTask<StepExecutable> {
        if let task = steps[plan] { return task }
        let task = BackgroundTask("epas.compile") { [setup, kernels, compile] in
            try StepExecutable(
                setup.trainingProgram(plan, kernels: kernels),
                accumulation: setup.config.training.accumulation, compile: compile)
        }
        steps[plan] = task
        return task
    }

    private func startEvaluator(_ plan: SharingPlan) -> BackgroundTask<Evaluator> {
        if let task = evaluators[plan] { return task }
        let task = BackgroundTask("epas.compile") { [setup, validationBatch, kernels, compile] in
            try Evaluator(
                setup.lossProgram(plan, kernels: kernels), batch: validationBatch,
                sequence: setup.config.training.sequence, compile: compile)
        }
        evaluators[plan] = task
        return task
    }
}
