import ArgumentParser
import EPASArray
import EPASBenchmark
import EPASConfig
import EPASModel
import EPASRuntime
import EPASTraining
import Foundation

/// `epas benchmark`: speed on random tokens, no files needed.
struct BenchmarkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark", abstract: "Measure speed on random tokens.",
        subcommands: [
            BenchmarkTrainCommand.self, BenchmarkDecodeCommand.self, BenchmarkKernelsCommand.self,
        ])
}

struct BenchmarkTrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Time whole training steps: forward, backward and update.")

    @OptionGroup var model: PresetOption

    @Option(help: ArgumentHelp("Sequences in a batch.", valueName: "count"))
    var batch = 4

    @Option(help: ArgumentHelp("Tokens in a sequence.", valueName: "tokens"))
    var sequence = 512

    @Option(help: ArgumentHelp("Timed steps, after two that are not.", valueName: "count"))
    var steps = 5

    @Option(help: dtypeHelp)
    var dtype = ComputeType.bfloat16

    // The values are the run file's, training.rematerialization.
    @Option(
        help: ArgumentHelp(
            "What the backward pass computes again instead of keeping it.", valueName: "part"))
    var rematerialization = Rematerialization.none

    @Flag(help: "Also say what a step's time goes into, kernel by kernel.")
    var breakdown = false

    @OptionGroup var sharing: ShareListOption
    @OptionGroup var json: JSONOption
    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        try requirePositive([("batch", batch), ("sequence", sequence), ("steps", steps)])
        // Beyond, the sizes of a step's arrays could not even be computed.
        try require(
            batch <= 1 << 16 && sequence <= 1 << 20,
            "--batch is \(batch) and --sequence \(sequence). Use at most 65536 and 1048576.")
    }

    func run() throws {
        TrainingMemory.useHugePages()
        let shape = try model.config()
        let plans = try sharing.plans(layers: shape.layers)
        let (client, cache) = try runtime.open()
        for plan in plans {
            let result = try measure(shape, plan, client, cache)
            if json.isOn {
                try printJSON(result)
            } else {
                try printLine(
                    """
                    \(model.title) \(result.share): \(fixed(result.tokensPerSecond, 1)) tokens/s, \
                    \(fixed(result.secondsPerStep, 3)) s/step (median of \(steps)), \
                    \(fixed(result.flopsPerSecond / 1e9, 1)) GFLOP/s, \
                    compiled in \(fixed(result.compileSeconds, 1)) s, \
                    \(result.temporaryBytes.map { "temporary memory \(bytes($0)), " } ?? "")\
                    peak memory \(bytes(result.peakMemoryBytes ?? 0))
                    """)
                if let parts = result.breakdown { try print(parts, of: result.secondsPerStep) }
            }
        }
    }

    /// Says if a step takes more than there is, before it takes it.
    private func warn(of memory: StepMemory, on client: Client) throws {
        guard let available = try client.availableMemoryBytes(),
            let warning = memory.shortage(
                available: available,
                remedy: rematerialization == .layer
                    ? "Use a smaller --batch."
                    : "Use --rematerialization layer, or a smaller --batch.")
        else { return }
        printError("Warning: \(warning)")
    }

    private func measure(
        _ shape: ModelConfig, _ plan: SharingPlan, _ client: Client, _ cache: ExecutableCache
    ) throws -> Result {
        let clock = ContinuousClock()
        let program = TrainingProgram(
            model: shape, plan: plan, computeType: dtype.elementType, batch: batch,
            sequence: sequence,
            optimizer: AdamW(beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1), clip: 1,
            kernels: client.kernels, rematerialization: rematerialization,
            mostKeptBytes: HostMemory.mostKeptBytes)
        var start = clock.now
        let step = try StepExecutable(program, accumulation: 1) {
            try client.compile($0, cache: cache)
        }
        let compileSeconds = (clock.now - start).inSeconds
        var state = try TrainingState(startingFrom: shape, client: client) {
            shape.initialValue(of: $0, seed: 1)
        }
        let memory = try step.memory()
        if let memory { try warn(of: memory, on: client) }
        let stream = RandomStream(seed: 1, name: "benchmark")
        let tokens = HostArray(
            (0..<batch * (sequence + 1)).map {
                Int32(stream.bits(at: UInt64($0)) % UInt64(shape.vocabulary))
            }, [batch, sequence + 1])
        var runs: [(seconds: Double, parts: StepBreakdown?)] = []
        var loss: Float = 0
        for index in 1...steps + 2 {
            start = clock.now
            let kernels = try KernelTimes.counting(breakdown) {
                loss = try step(&state, batches: [tokens], step: index, learningRate: 3e-4).loss
            }
            let seconds = (clock.now - start).inSeconds
            let parts = kernels.map { StepBreakdown(seconds: seconds, kernels: $0) }
            if index > 2 { runs.append((seconds, parts)) }
        }
        // A step of its own, so that its parts add up to its time.
        let (seconds, parts) = runs.sorted { $0.seconds < $1.seconds }[runs.count / 2]
        let flops = shape.flops(sequence: sequence, plan: plan).training
        return Result(
            model: model.name, layers: shape.layers, batch: batch, sequence: sequence,
            dtype: dtype.rawValue,
            share: plan.text(layers: shape.layers), steps: steps, secondsPerStep: seconds,
            tokensPerSecond: Double(batch * sequence) / seconds, flopsPerSample: flops,
            flopsPerSecond: flops * Double(batch) / seconds, compileSeconds: compileSeconds,
            loss: loss, breakdown: parts?.seconds,
            rematerialization: rematerialization.rawValue,
            stateBytes: memory?.state, temporaryBytes: memory?.temporary,
            peakMemoryBytes: ProcessMemory.peakResidentBytes,
            platform: client.platformName)
    }

    private func print(_ parts: [String: Double], of seconds: Double) throws {
        let rows = StepBreakdown.sorted(parts).map { name, part in
            [name, fixed(part * 1e3, 2), fixed(100 * part / seconds, 1) + " %"]
        }
        try printTable(["part of a step", "ms", "share"], rows)
    }

    private struct Result: Encodable {
        let model: String
        let layers: Int
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
        /// Seconds of the median step by what they went into, if asked for.
        let breakdown: [String: Double]?
        let rematerialization: String
        /// Weights and moments.
        let stateBytes: Int?
        /// What a step takes besides.
        let temporaryBytes: Int?
        let peakMemoryBytes: Int?
        let platform: String
    }
}

extension Rematerialization: ExpressibleByArgument {}
