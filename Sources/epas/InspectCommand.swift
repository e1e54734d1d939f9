import ArgumentParser
import EPASArray
import EPASCheckpoint
import EPASModel
import EPASRuntime
import EPASTraining
import Foundation

/// `epas inspect`: the numbers inside one forward and backward pass, for comparison with others'.
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Write the loss, the logits and every gradient of given tokens.",
        discussion: """
            The loss is the mean next-token cross-entropy in nats: position t predicts token t+1, \
            the last position predicts nothing. The file holds the tensors `loss` [1], `logits` \
            [batch, tokens, vocabulary] and, with --gradients, `grad.<parameter>`; a projection \
            that the plan leaves idle has a gradient of zeros.
            """)

    @OptionGroup var source: CheckpointArgument

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Token ids, separated by commas; rows of equal length separated by semicolons.",
            valueName: "ids"))
    var tokens: String

    @Option(help: dtypeHelp)
    var dtype = ComputeType.float32

    @Flag(help: "Also write the gradient of every parameter.")
    var gradients = false

    @Option(help: ArgumentHelp("The safetensors file to write.", valueName: "file"))
    var output: String

    @OptionGroup var weights: WeightsOption
    @OptionGroup var sharing: ShareOption
    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        try require(
            weights.weights == nil || !gradients,
            "--gradients are those of the float32 weights. Leave --weights out.")
    }

    func run() throws {
        try checkOutputFile(output)
        let folder = try source.open()
        let model = folder.config
        let plan = try sharing.plan(layers: model.layers)
        let rows = try Self.rows(tokens, vocabulary: model.vocabulary)
        note(sequence: rows[0].count, beyond: model)
        let input = HostArray(rows.flatMap(\.self), [rows.count, rows[0].count])

        let (client, cache) = try runtime.open()
        // Gradients are those of the float32 masters that training has.
        let matrices = gradients ? .floats(.float32) : weights.format(dtype)
        let program = LossProgram(
            model: model, plan: plan, computeType: dtype.elementType, matrices: matrices,
            kernels: client.kernels)
        let executable = try client.compile(
            program.inspect(batch: rows.count, sequence: rows[0].count, gradients: gradients),
            cache: cache)
        let parameters = try folder.upload(to: client, matrices: matrices)
        let results = try executable.execute(borrowing: parameters, inputs: [input]).hostArrays()

        let loss = results[0].elements(as: Float.self)
        var named = ["loss": HostArray(loss, [1]), "logits": results[1]]
        for (parameter, gradient) in zip(model.parameters, results.dropFirst(2)) {
            named["grad.\(parameter.name)"] = gradient
        }
        try SafetensorsWriter.write(named, to: URL(filePath: output))
        try printLine("loss \(loss[0])")
    }

    /// Reads rows of token ids.
    static func rows(_ text: String, vocabulary: Int) throws -> [[Int32]] {
        let rows = try text.split(separator: ";", omittingEmptySubsequences: false).map { row in
            try row.split(separator: ",", omittingEmptySubsequences: false).map { word in
                guard let id = Int32(word.trimmingCharacters(in: .whitespaces)),
                    (0..<vocabulary).contains(Int(id))
                else {
                    throw ValidationError(
                        "--tokens has \"\(word)\". Use token ids from 0 to \(vocabulary - 1).")
                }
                return id
            }
        }
        try require(
            rows.allSatisfy { $0.count == rows[0].count },
            "--tokens has rows of different lengths. Give each row equally many ids.")
        try require(
            rows[0].count >= 2,
            "--tokens has one token a row. Give at least two: the first predicts the second.")
        return rows
    }
}
