import BasicContainers
import EPASArray
import EPASModel
import EPASRuntime

/// Scores requests under several plans, with parameters that stay on the device.
struct Scorer {
    let program: ScoringProgram
    let compile: (String) throws -> Executable

    /// Runs every request.
    ///
    /// - Parameters:
    ///   - parameters: In the order of ``ModelConfig/parameters``.
    ///   - progress: Called after each batch with the inputs that are done and all of them.
    /// - Returns: For each plan, one score per request.
    /// - Throws: ``EvaluationError`` if the model gives a target no probability at all.
    func callAsFunction(
        _ requests: [ScoringRequest], maximumLength: Int,
        parameters: borrowing UniqueArray<DeviceBuffer>, progress: (Int, Int) -> Void
    ) throws -> [[Score]] {
        let batches = ScoringBatch.batches(
            of: requests, maximumLength: maximumLength, heads: program.model.heads)
        let total = batches.reduce(0) { $0 + $1.rows }
        var scores = program.plans.map { _ in [Score](repeating: Score(), count: requests.count) }
        var compiled: (sizes: ScoringBatch.Sizes, executable: Executable)?
        var done = 0
        progress(done, total)
        for batch in batches {
            let sizes = batch.sizes
            if compiled?.sizes != sizes {
                compiled = (
                    sizes,
                    try compile(
                        program.text(
                            batch: sizes.batch, sequence: sizes.sequence, targets: sizes.targets))
                )
            }
            guard let executable = compiled?.executable else { fatalError("nothing is compiled") }
            let results = try executable.execute(borrowing: parameters, inputs: batch.inputs)
            for plan in scores.indices {
                let logProbabilities = try results[2 * plan].hostArray().elements(as: Float.self)
                let greedy = try results[2 * plan + 1].hostArray().elements(as: Float.self)
                for (target, request) in batch.requestOfTarget.enumerated() {
                    scores[plan][request].logProbability += Double(logProbabilities[target])
                    if greedy[target] != 1 { scores[plan][request].isGreedy = false }
                }
            }
            done += batch.rows
            progress(done, total)
        }
        for (plan, scores) in zip(program.plans, scores) {
            guard scores.allSatisfy({ !$0.logProbability.isNaN }) else {
                throw EvaluationError(
                    plan.text(layers: program.model.layers),
                    "the model computes numbers that are not finite",
                    remedy: "Use another checkpoint, or --dtype float32.")
            }
        }
        return scores
    }
}
