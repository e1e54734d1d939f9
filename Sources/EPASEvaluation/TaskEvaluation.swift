package import BasicContainers
package import EPASArray
package import EPASConfig
package import EPASModel
package import EPASRuntime
package import EPASTokenizer

/// Measures a model on tasks at several region lengths, all of them in one pass over the items.
package struct TaskEvaluation {
    package let model: ModelConfig
    /// The plans to compare, in the order of the results.
    package let plans: [SharingPlan]
    /// The type of activations and products.
    package let computeType: ElementType
    /// How the matrices are passed.
    package let matrices: MatrixFormat

    private let tasks: [TaskScores]
    private let requests: [ScoringRequest]
    private let maximumLength: Int

    /// Reads and tokenizes the tasks' data.
    ///
    /// - Parameters:
    ///   - matrices: The format of the parameters: integers, or by default the compute type.
    ///   - maximumLength: Most tokens of an input, from 1 to the model's longest sequence.
    /// - Throws: ``EvaluationError`` naming the first line that cannot be used.
    package init(
        _ tasks: [EvaluationTask], model: ModelConfig, plans: [SharingPlan],
        tokenizer: any Tokenizer, computeType: ElementType, matrices: MatrixFormat? = nil,
        maximumLength: Int
    ) throws {
        let encoder = RequestEncoder(
            tokenizer, vocabulary: model.vocabulary, maximumLength: maximumLength)
        var requests: [ScoringRequest] = []
        self.tasks = try tasks.map {
            try TaskScores($0, encoder: encoder, requests: &requests)
        }
        self.requests = requests
        self.model = model
        self.plans = plans
        self.computeType = computeType
        self.matrices = matrices ?? .floats(computeType)
        self.maximumLength = maximumLength
    }

    /// Runs the model.
    ///
    /// - Parameters:
    ///   - parameters: In the order of ``ModelConfig/storedParameters(_:)``.
    ///   - speeds: The new tokens a second that each plan gives; `nil` leaves them out.
    ///   - progress: Called with the inputs that are done and all of them.
    package func run(
        parameters: borrowing UniqueArray<DeviceBuffer>,
        compile: (String) throws -> Executable,
        speeds: [Double]? = nil,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> EvaluationTable {
        let program = ScoringProgram(
            model: model, plans: plans, computeType: computeType, matrices: matrices)
        let scores = try withoutActuallyEscaping(compile) { compile in
            try Scorer(program: program, compile: compile)(
                requests, maximumLength: maximumLength, parameters: parameters, progress: progress)
        }
        let metrics = tasks.map { $0.metrics(scores) }
        let rows = plans.enumerated().map { index, plan in
            EvaluationTable.Row(
                share: plan.text(layers: model.layers), sharingLayers: plan.sources.count,
                cacheBytesPerToken: model.cacheBytesPerToken(plan: plan, elementType: computeType),
                tokensPerSecond: speeds?[index],
                tasks: zip(tasks, metrics).map { task, metrics in
                    EvaluationTable.TaskResult(
                        name: task.task.name, kind: task.task.kind.name, items: task.itemCount,
                        truncatedRequests: task.truncatedCount, metrics: metrics[index])
                })
        }
        return EvaluationTable(rows: rows)
    }
}
