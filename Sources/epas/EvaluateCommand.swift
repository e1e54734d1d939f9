import ArgumentParser
import EPASArray
import EPASCheckpoint
import EPASData
import EPASEvaluation
import EPASModel
import EPASRuntime
import EPASTraining
import Foundation

/// `epas evaluate`: the quality of one checkpoint at several region lengths.
struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measure loss, or figures of tasks, per region length.",
        discussion: """
            With --data: loss and perplexity on prepared data. With --tasks: multiple choice, last \
            words and whole texts from JSON Lines files, scored as lm-evaluation-harness does; the \
            table is kept in the checkpoint's folder as epas-evaluation.json.
            """)

    @OptionGroup var source: CheckpointArgument

    @Option(help: ArgumentHelp("A folder made by `epas data prepare`.", valueName: "folder"))
    var data: String?

    @Option(help: ArgumentHelp("A YAML file that lists tasks.", valueName: "file"))
    var tasks: String?

    @OptionGroup var options: EvaluationOptions
    @OptionGroup var weights: WeightsOption
    @OptionGroup var targets: TargetOptions

    @Option(
        help: ArgumentHelp(
            "With --tasks: a folder for evaluation.json and evaluation.svg.", valueName: "folder"))
    var output: String?

    @OptionGroup var sharing: ShareListOption
    @Flag(
        inversion: .prefixedNo,
        help: "With --tasks: also time how fast each region length makes new tokens.")
    var speed = true

    @OptionGroup var json: JSONOption
    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        try require(
            (data == nil) != (tasks == nil),
            "Give either --data, a folder of prepared data, or --tasks, a file of tasks.")
        try require(
            tasks != nil || targets.values.isEmpty && output == nil,
            "--output and the targets of a recommendation need --tasks.")
    }

    func run() throws {
        let folder = try source.open()
        let plans = try sharing.plans(layers: folder.config.layers)
        if let tasks {
            try TaskRun(
                folder: folder, plans: plans, tasks: tasks, options: options,
                matrices: weights.format(options.dtype),
                targets: targets.values(for: folder.config), output: output, printsJSON: json.isOn,
                measuresSpeed: speed
            ).run { try runtime.open() }
            return
        }
        let (client, cache) = try runtime.open()
        let results = try options.evaluate(
            folder, data: data ?? "", plans: plans, matrices: weights.format(options.dtype),
            client: client, cache: cache)
        if json.isOn {
            for result in results { try printJSON(result) }
            return
        }
        try printTable(
            ["share", "loss", "perplexity", "accuracy", "tokens/s", "MFLOPs per token"],
            results.map {
                [
                    $0.share, fixed($0.loss, 4), fixed($0.perplexity, 3),
                    fixed(100 * $0.accuracy, 2) + " %", fixed($0.tokensPerSecond, 0),
                    fixed($0.forwardFlopsPerToken / 1e6, 3),
                ]
            })
    }
}

/// `--data` of the commands that cannot do without.
struct DataOption: ParsableArguments {
    @Option(help: ArgumentHelp("A folder made by `epas data prepare`.", valueName: "folder"))
    var data: String
}

/// The loss of a checkpoint at one region length, as printed.
struct EvaluationRow: Encodable {
    let share: String
    /// The type of the matrices' numbers.
    let weights: String
    let sharingLayers: Int
    /// Nats per token.
    let loss: Double
    let perplexity: Double
    let accuracy: Double
    let tokens: Int
    let tokensPerSecond: Double
    /// Of the forward pass.
    let forwardFlopsPerToken: Double
}

/// What to measure on.
struct EvaluationOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The split to measure on: validation or train.", valueName: "name"))
    var split = "validation"

    @Option(help: ArgumentHelp("Sequences in a batch.", valueName: "count"))
    var batch = 8

    @Option(
        help: ArgumentHelp(
            """
            Tokens in a sequence. (default: the model's longest, of prepared data at most 1024)
            """,
            valueName: "tokens"))
    var sequence: Int?

    @Option(help: ArgumentHelp("The most batches to measure on.", valueName: "count"))
    var batches = 100

    @Option(help: dtypeHelp)
    var dtype = ComputeType.float32

    func validate() throws {
        try require(
            Split(rawValue: split) != nil, "--split is \"\(split)\". Use validation or train.")
        try requirePositive([
            ("batch", batch), ("sequence", sequence ?? 1), ("batches", batches),
        ])
    }

    /// Measures a checkpoint under every plan.
    ///
    /// - Parameter matrices: How its matrices are held; by default in the type of `--dtype`.
    /// - Throws: If the data was tokenized for another vocabulary, or is too short.
    func evaluate(
        _ folder: ModelFolder, data: String, plans: [SharingPlan],
        matrices: MatrixFormat? = nil, client: Client, cache: ExecutableCache
    ) throws -> [EvaluationRow] {
        let model = folder.config
        let sequence = sequenceLength(for: model)
        let inputs = try batches(of: data, for: model)
        let matrices = matrices ?? .floats(dtype.elementType)
        let parameters = try folder.upload(to: client, matrices: matrices)
        return try plans.map { plan in
            let evaluator = try Evaluator(
                LossProgram(
                    model: model, plan: plan, computeType: dtype.elementType,
                    matrices: matrices, kernels: client.kernels),
                batch: inputs[0].shape.dimensions[0], sequence: sequence
            ) { try client.compile($0, cache: cache) }
            guard let result = try evaluator(parameters, batches: inputs) else {
                fatalError("an evaluation that nothing stops has stopped")
            }
            return EvaluationRow(
                share: plan.text(layers: model.layers), weights: matrices.name,
                sharingLayers: plan.sources.count,
                loss: result.loss, perplexity: result.perplexity, accuracy: result.accuracy,
                tokens: result.tokens, tokensPerSecond: result.tokensPerSecond,
                forwardFlopsPerToken: model.flops(sequence: sequence, plan: plan).forward
                    / Double(sequence))
        }
    }

    private func sequenceLength(for model: ModelConfig) -> Int {
        sequence ?? min(model.maximumSequence, 1024)
    }

    /// The batches to measure on, int32 [batch, sequence + 1], at least one.
    ///
    /// - Throws: If the data was tokenized for another vocabulary, or is too short.
    func batches(of data: String, for model: ModelConfig) throws -> [HostArray] {
        let url = try existingFolder(data)
        let dataset = try TokenDataset(url, split: Split(rawValue: split) ?? .validation)
        try requireInput(
            dataset.tokenCount > 0,
            "The data of \(data) has no \(split) split. Use another --split, or prepare it with a larger --validation-fraction."
        )
        try requireInput(
            dataset.vocabularySize <= model.vocabulary,
            "The data has \(dataset.vocabularySize) tokens, but the model knows \(model.vocabulary). Prepare the data with the model's tokenizer."
        )
        let sequence = sequenceLength(for: model)
        let inputs = try dataset.validationBatches(
            batch: batch, sequence: sequence, limit: batches
        ).map(\.tokens)
        note(sequence: sequence, beyond: model)
        return inputs
    }
}
