import ArgumentParser
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

    @OptionGroup var source: ModelSource
    @OptionGroup var sharing: ShareOptions

    @Option(help: "Tokens in a sequence.")
    var sequence = 2048

    @Flag(help: "Write one JSON object.")
    var json = false

    func validate() throws {
        try require(sequence >= 1, "--sequence is \(sequence); use 1 or more.")
    }

    func run() throws {
        let model = try source.model()
        let rows = try sharing.plans(layers: model.layers).map { plan in
            let flops = model.flops(sequence: sequence, plan: plan)
            return Row(
                share: plan.text(layers: model.layers), sequence: sequence,
                parameters: model.parameterCount, forwardFlopsPerSample: flops.forward,
                flopsPerSample: flops.training,
                flopsPerToken: flops.training / Double(sequence),
                reduction: 1 - flops.training / model.flops(sequence: sequence).training)
        }
        if json {
            for row in rows { try printJSON(row) }
            return
        }
        printTable(
            ["share", "forward TFLOPs", "training TFLOPs", "GFLOPs per token", "saved"],
            rows.map {
                [
                    $0.share, fixed($0.forwardFlopsPerSample / 1e12, 3),
                    fixed($0.flopsPerSample / 1e12, 2), fixed($0.flopsPerToken / 1e9, 3),
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
