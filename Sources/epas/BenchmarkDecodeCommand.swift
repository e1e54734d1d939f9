import ArgumentParser
import BasicContainers
import EPASArray
import EPASInference
import EPASModel
import EPASRuntime
import Foundation

/// `epas benchmark decode`: the engine's speed on random weights and prompts.
struct BenchmarkDecodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decode",
        abstract: "Time the reading of prompts and the generation of tokens at any region length.")

    @OptionGroup var model: PresetOption

    @Option(help: ArgumentHelp("Sequences generated at once.", valueName: "count"))
    var batch = 1

    @Option(help: ArgumentHelp("Tokens in a prompt.", valueName: "tokens"))
    var sequence = 128

    @Option(help: ArgumentHelp("Tokens to generate for each sequence.", valueName: "count"))
    var tokens = 64

    @Option(help: ArgumentHelp("Repetitions; the median counts.", valueName: "count"))
    var steps = 3

    @Option(help: dtypeHelp)
    var dtype = ComputeType.bfloat16

    @OptionGroup var weights: WeightsOption

    @OptionGroup var sharing: ShareListOption
    @OptionGroup var json: JSONOption
    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        try requirePositive([("batch", batch), ("sequence", sequence), ("steps", steps)])
        try require(tokens >= 2, "--tokens is \(tokens). Use 2 or more.")
        try require(
            batch <= 1024 && sequence <= 1 << 20 && tokens <= 1 << 20,
            "--batch is \(batch), --sequence \(sequence) and --tokens \(tokens). Use at most 1024, 1048576 and 1048576."
        )
    }

    func run() throws {
        let shape = try model.config()
        let plans = try sharing.plans(layers: shape.layers)
        let (client, cache) = try runtime.open()
        let format = weights.format(dtype)
        var parameters = UniqueArray<DeviceBuffer>()
        for parameter in shape.storedParameters(format) {
            let value = shape.initialValue(of: parameter.specification, seed: 1)
            for argument in try parameter.arguments(value) {
                parameters.append(try client.makeBuffer(argument))
            }
        }
        let (batch, sequence, tokens) = (batch, sequence, tokens)
        var options = EngineOptions()
        options.slots = batch
        let workload = GenerationSpeed.Workload(
            batch: batch, promptTokens: sequence, newTokens: tokens)
        let longest = workload.longestSequence(promptChunk: options.promptChunk)
        options.maximumSequence = longest
        // Every repetition reads its prompts anew.
        options.reusesPrefixes = false
        let planes = 2 * shape.layers * ((longest + 31) / 32)
        options.cacheBytes =
            batch * planes * shape.keyValueHeads * shape.headDimension * 32
            * dtype.elementType.byteCount
        let engine = try Engine(
            shape, parameters: parameters, client: client, computeType: dtype.elementType,
            matrices: format, options: options, cache: cache)
        for plan in plans { try engine.compile(plan) }
        let rounds = steps
        let speeds = try blocking {
            try await GenerationSpeed.measure(engine, plans: plans, workload, rounds: rounds)
        }
        for (plan, speed) in zip(plans, speeds) {
            let result = Result(
                model: model.name, layers: shape.layers, batch: batch, sequence: sequence,
                tokens: tokens, dtype: dtype.rawValue, weights: format.name,
                share: plan.text(layers: shape.layers),
                tokensPerSecond: speed.tokensPerSecond,
                promptTokensPerSecond: speed.promptTokensPerSecond,
                peakMemoryBytes: ProcessMemory.peakResidentBytes, platform: client.platformName)
            if json.isOn {
                try printJSON(result)
            } else {
                try printLine(
                    """
                    \(model.title) \(result.share): \(fixed(result.tokensPerSecond, 1)) tokens/s, \
                    \(fixed(result.promptTokensPerSecond, 1)) prompt tokens/s \
                    (medians of \(steps)), peak memory \(bytes(result.peakMemoryBytes ?? 0))
                    """)
            }
        }
    }

    private struct Result: Encodable {
        let model: String
        let layers: Int
        let batch: Int
        let sequence: Int
        let tokens: Int
        let dtype: String
        let weights: String
        let share: String
        /// Medians, over all sequences.
        let tokensPerSecond: Double
        let promptTokensPerSecond: Double
        let peakMemoryBytes: Int?
        let platform: String
    }
}
