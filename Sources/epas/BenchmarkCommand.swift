import ArgumentParser
import EPASArray
import EPASModel
import EPASRuntime
import EPASTraining
import Foundation

/// `epas benchmark`: speed on random tokens, no files needed.
struct BenchmarkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark", abstract: "Measure speed on random tokens.",
        subcommands: [BenchmarkTrainCommand.self])
}

struct BenchmarkTrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Time whole training steps: forward, backward and update.")

    @Option(help: "A named shape: \(ModelConfig.presetNames.joined(separator: ", ")).")
    var model = "125m"

    @Option(help: "Sequences in a batch.")
    var batch = 4

    @Option(help: "Tokens in a sequence.")
    var sequence = 512

    @Option(help: "Timed steps, after two that are not.")
    var steps = 5

    @Option(help: "Type of activations and products; weights and moments are float32.")
    var dtype = ComputeType.bfloat16

    @Flag(help: "Write one JSON object per sharing plan.")
    var json = false

    @OptionGroup var sharing: ShareOptions
    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        try require(
            ModelConfig(preset: model) != nil,
            "There is no model \"\(model)\"; use one of \(ModelConfig.presetNames.joined(separator: ", "))."
        )
        for (name, value) in [("batch", batch), ("sequence", sequence), ("steps", steps)] {
            try require(value >= 1, "--\(name) is \(value); use 1 or more.")
        }
    }

    func run() throws {
        guard let shape = ModelConfig(preset: model) else { return }
        let plans = try sharing.plans(layers: shape.layers)
        let (client, cache) = try runtime.open()
        for plan in plans {
            let result = try measure(shape, plan, client, cache)
            if json {
                try printJSON(result)
            } else {
                print(
                    """
                    \(model) \(result.share): \(fixed(result.tokensPerSecond, 1)) tokens/s, \
                    \(fixed(result.secondsPerStep, 3)) s/step (median of \(steps)), \
                    \(fixed(result.flopsPerSecond / 1e9, 1)) GFLOP/s, \
                    compiled in \(fixed(result.compileSeconds, 1)) s, \
                    peak memory \(bytes(result.peakMemoryBytes ?? 0))
                    """)
            }
        }
    }

    private func measure(
        _ shape: ModelConfig, _ plan: SharingPlan, _ client: Client, _ cache: ExecutableCache
    ) throws -> Result {
        let clock = ContinuousClock()
        let program = TrainingProgram(
            model: shape, plan: plan, computeType: dtype.elementType, batch: batch,
            sequence: sequence,
            optimizer: AdamW(beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1), clip: 1)
        var start = clock.now
        let step = try StepExecutable(program, accumulation: 1) {
            try client.compile($0, cache: cache)
        }
        let compileSeconds = (clock.now - start).inSeconds
        var state = try TrainingState(startingFrom: shape, client: client) {
            shape.initialValue(of: $0, seed: 1)
        }
        let stream = RandomStream(seed: 1, name: "benchmark")
        let tokens = HostArray(
            (0..<batch * (sequence + 1)).map {
                Int32(stream.bits(at: UInt64($0)) % UInt64(shape.vocabulary))
            }, [batch, sequence + 1])
        var times: [Double] = []
        var loss: Float = 0
        for index in 1...steps + 2 {
            start = clock.now
            loss = try step(&state, batches: [tokens], step: index, learningRate: 3e-4).loss
            if index > 2 { times.append((clock.now - start).inSeconds) }
        }
        let seconds = times.sorted()[times.count / 2]
        let flops = shape.flops(sequence: sequence, plan: plan).training
        return Result(
            model: model, batch: batch, sequence: sequence, dtype: dtype.rawValue,
            share: plan.text(layers: shape.layers), steps: steps, secondsPerStep: seconds,
            tokensPerSecond: Double(batch * sequence) / seconds, flopsPerSample: flops,
            flopsPerSecond: flops * Double(batch) / seconds, compileSeconds: compileSeconds,
            loss: loss, peakMemoryBytes: ProcessMemory.peakResidentBytes,
            platform: client.platformName)
    }

    private struct Result: Encodable {
        let model: String
        let batch: Int
        let sequence: Int
        let dtype: String
        let share: String
        let steps: Int
        /// Median.
        let secondsPerStep: Double
        let tokensPerSecond: Double
        let flopsPerSample: Double
        let flopsPerSecond: Double
        let compileSeconds: Double
        /// After the last step.
        let loss: Float
        let peakMemoryBytes: Int?
        let platform: String
    }
}
