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

    @Option(
        help: ArgumentHelp(
            "Timed steps of each plan, by turns, after two that are not.", valueName: "count"))
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
        for result in try measure(shape, plans, client, cache) {
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

    /// Times steps of each plan, by turns: a machine that changes its pace does so for all.
    private func measure(
        _ shape: ModelConfig, _ plans: [SharingPlan], _ client: Client, _ cache: ExecutableCache
    ) throws -> [Result] {
        var state = try TrainingState(startingFrom: shape, client: client) {
            shape.initialValue(of: $0, seed: 1)
        }
        let stream = RandomStream(seed: 1, name: "benchmark")
        let tokens = HostArray(
            (0..<batch * (sequence + 1)).map {
                Int32(stream.bits(at: UInt64($0)) % UInt64(shape.vocabulary))
            }, [batch, sequence + 1])
        var all: [PlanSteps] = []
        var number = 0
        for plan in plans {
            var steps = try PlanSteps(compiling: program(shape, plan, client), client, cache)
            if let memory = steps.memory { try warn(of: memory, on: client) }
            for _ in 0..<2 {
                number += 1
                try steps.run(number, &state, tokens, breakdown: breakdown)
            }
            steps.beginTiming()
            all.append(steps)
        }
        for _ in 0..<steps {
            for index in all.indices {
                number += 1
                try all[index].run(number, &state, tokens, breakdown: breakdown)
            }
        }
        return zip(plans, all).map { plan, steps in
            let (seconds, parts) = steps.medianRun
            let flops = shape.flops(sequence: sequence, plan: plan).training
            return Result(
                model: model.name, layers: shape.layers, batch: batch, sequence: sequence,
                dtype: dtype.rawValue, share: plan.text(layers: shape.layers), steps: self.steps,
                secondsPerStep: seconds, tokensPerSecond: Double(batch * sequence) / seconds,
                flopsPerSample: flops, flopsPerSecond: flops * Double(batch) / seconds,
                compileSeconds: steps.compileSeconds, loss: steps.loss,
                breakdown: parts?.seconds, rematerialization: rematerialization.rawValue,
                stateBytes: steps.memory?.state, temporaryBytes: steps.memory?.temporary,
                peakMemoryBytes: steps.peakMemoryBytes, platform: client.platformName)
        }
    }

    private func program(
        _ shape: ModelConfig, _ plan: SharingPlan, _ client: Client
    ) -> TrainingProgram {
        TrainingProgram(
            model: shape, plan: plan, computeType: dtype.elementType, batch: batch,
            sequence: sequence,
            optimizer: AdamW(beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1), clip: 1,
            kernels: client.kernels, rematerialization: rematerialization,
            mostKeptBytes: HostMemory.mostKeptBytes)
    }

    /// The steps of one plan.
    private struct PlanSteps {
        let compileSeconds: Double
        let memory: StepMemory?
        /// Before other plans' steps.
        private(set) var peakMemoryBytes: Int?
        /// After the last step.
        private(set) var loss: Float = 0
        private let step: StepExecutable
        private var runs: [(seconds: Double, parts: StepBreakdown?)] = []

        init(
            compiling program: TrainingProgram, _ client: Client, _ cache: ExecutableCache
        ) throws {
            let start = ContinuousClock.now
            step = try StepExecutable(program, accumulation: 1) {
                try client.compile($0, cache: cache)
            }
            compileSeconds = (ContinuousClock.now - start).inSeconds
            memory = try step.memory()
        }

        mutating func run(
            _ number: Int, _ state: inout TrainingState, _ tokens: HostArray, breakdown: Bool
        ) throws {
            let start = ContinuousClock.now
            let kernels = try KernelTimes.counting(breakdown) {
                loss = try step(&state, batches: [tokens], step: number, learningRate: 3e-4).loss
            }
            let seconds = (ContinuousClock.now - start).inSeconds
            runs.append((seconds, kernels.map { StepBreakdown(seconds: seconds, kernels: $0) }))
        }

        /// Leaves out the steps so far.
        mutating func beginTiming() {
            peakMemoryBytes = ProcessMemory.peakResidentBytes
            runs.removeAll()
        }

        /// A step of its own, so that its parts add up to its time.
        var medianRun: (seconds: Double, parts: StepBreakdown?) {
            runs.sorted { $0.seconds < $1.seconds }[runs.count / 2]
        }
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
