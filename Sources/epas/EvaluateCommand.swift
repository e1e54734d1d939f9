import ArgumentParser
import EPASCheckpoint
import EPASData
import EPASModel
import EPASRuntime
import EPASTraining
import Foundation

/// `epas evaluate`: the loss of one checkpoint at several region lengths.
struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measure loss and perplexity per region length on the validation split.")

    @Argument(help: "A checkpoint folder, or a run folder for its last checkpoint.")
    var checkpoint: String

    @OptionGroup var options: EvaluationOptions
    @OptionGroup var sharing: ShareOptions
    @OptionGroup var runtime: RuntimeOptions

    @Flag(help: "Write one JSON object per region length.")
    var json = false

    func run() throws {
        let folder = try openModel(checkpoint)
        let plans = try sharing.plans(layers: folder.config.layers)
        let (client, cache) = try runtime.open()
        let results = try options.evaluate(folder, plans: plans, client: client, cache: cache)
        if json {
            for result in results { try printJSON(result) }
            return
        }
        printTable(
            ["share", "loss", "perplexity", "accuracy", "tokens/s", "GFLOPs per token"],
            results.map {
                [
                    $0.share, fixed($0.loss, 4), fixed($0.perplexity, 3),
                    fixed(100 * $0.accuracy, 2) + " %", fixed($0.tokensPerSecond, 0),
                    fixed($0.forwardFlopsPerToken / 1e9, 4),
                ]
            })
    }
}

/// The loss of a checkpoint at one region length, as printed.
struct EvaluationRow: Encodable {
    let share: String
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
    @Option(help: "A folder made by `epas data prepare`.")
    var data: String

    @Option(help: "The split to measure on: validation or train.")
    var split = "validation"

    @Option(help: "Sequences in a batch.")
    var batch = 8

    @Option(help: "Tokens in a sequence. Default: the model's longest, at most 1024.")
    var sequence: Int?

    @Option(help: "The most batches to measure on.")
    var batches = 100

    @Option(help: "Type of activations and products.")
    var dtype = ComputeType.float32

    func validate() throws {
        try require(
            Split(rawValue: split) != nil, "--split is \"\(split)\"; use validation or train.")
        for (name, value) in [("batch", batch), ("sequence", sequence ?? 1), ("batches", batches)] {
            try require(value >= 1, "--\(name) is \(value); use 1 or more.")
        }
    }

    /// Measures a checkpoint under every plan.
    ///
    /// - Throws: If the data was tokenized for another vocabulary, or is too short.
    func evaluate(
        _ folder: ModelFolder, plans: [SharingPlan], client: Client, cache: ExecutableCache
    ) throws -> [EvaluationRow] {
        let dataset = try TokenDataset(
            URL(filePath: data), split: Split(rawValue: split) ?? .validation)
        let model = folder.config
        try require(
            dataset.vocabularySize <= model.vocabulary,
            "The data has \(dataset.vocabularySize) tokens, but the model knows \(model.vocabulary); prepare the data with the model's tokenizer."
        )
        let sequence = sequence ?? min(model.maximumSequence, 1024)
        let inputs = try dataset.validationBatches(batch: batch, sequence: sequence, limit: batches)
        try require(
            !inputs.isEmpty,
            "The \(split) split has \(dataset.tokenCount) tokens, fewer than one batch of \(batch) sequences of \(sequence); lower --batch or --sequence."
        )
        let parameters = try folder.upload(to: client, matrices: dtype.elementType)
        return try plans.map { plan in
            let evaluator = try Evaluator(
                LossProgram(
                    model: model, plan: plan, computeType: dtype.elementType,
                    matrices: dtype.elementType),
                batch: batch, sequence: sequence
            ) { try client.compile($0, cache: cache) }
            guard let result = try evaluator(parameters, batches: inputs.lazy.map(\.tokens)) else {
                fatalError("an evaluation that nothing stops has stopped")
            }
            return EvaluationRow(
                share: plan.text(layers: model.layers), sharingLayers: plan.sources.count,
                loss: result.loss, perplexity: result.perplexity, accuracy: result.accuracy,
                tokens: result.tokens, tokensPerSecond: result.tokensPerSecond,
                forwardFlopsPerToken: model.flops(sequence: sequence, plan: plan).forward
                    / Double(sequence))
        }
    }
}
