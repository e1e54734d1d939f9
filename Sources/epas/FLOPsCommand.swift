import ArgumentParser
import EPASCheckpoint
import EPASModel

/// `epas flops`: the paper's Table 1 for any model and plan.
struct FLOPsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flops",
        abstract: "Count a model's floating-point operations per sequence.",
        discussion: """
            Counts as the paper's Table 1 does: two operations per multiply-add, backward twice the \
            forward, causal mask not discounted, embedding lookup and norms not counted.
            """)

    @Argument(
        help: "A checkpoint folder, or a run folder for its last good checkpoint.",
        completion: .directory)
    var checkpoint: String?

    @Option(help: ArgumentHelp(modelHelp, valueName: "name"))
    var model: String?

    @OptionGroup var sharing: ShareListOption

    @Option(help: ArgumentHelp("Tokens in a sequence.", valueName: "tokens"))
    var sequence = 2048

    @OptionGroup var json: JSONOption

    func validate() throws {
        try require(
            (checkpoint == nil) != (model == nil),
            "Name either a checkpoint folder or a shape with --model.")
        if let model { _ = try preset(model) }
        try requirePositive([("sequence", sequence)])
    }

    func run() throws {
        let shape = try model.map { try preset($0) } ?? openModel(checkpoint ?? "").config
        let baseline = shape.flops(sequence: sequence).training
        let rows = try sharing.plans(layers: shape.layers).map { plan in
            let flops = shape.flops(sequence: sequence, plan: plan)
            return Row(
                share: plan.text(layers: shape.layers), sequence: sequence,
                parameters: shape.parameterCount, forwardFlopsPerSample: flops.forward,
                flopsPerSample: flops.training, flopsPerToken: flops.training / Double(sequence),
                reduction: 1 - flops.training / baseline)
        }
        if json.isOn {
            for row in rows { try printJSON(row) }
            return
        }
        try printTable(
            ["share", "forward FLOPs", "training FLOPs", "FLOPs per token", "saved"],
            rows.map {
                [
                    $0.share, scaled($0.forwardFlopsPerSample), scaled($0.flopsPerSample),
                    scaled($0.flopsPerToken),
                    fixed(100 * $0.reduction, 1) + " %",
                ]
            })
    }

    private struct Row: Encodable {
        let share: String
        let sequence: Int
        let parameters: Int
        let forwardFlopsPerSample: Double
        /// Forward and backward.
        let flopsPerSample: Double
        let flopsPerToken: Double
        let reduction: Double
    }
}
