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

    @Option(help: ArgumentHelp(modelHelp, valueName: "name"))
    var model = "125m"

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

    @OptionGroup var sharing: ShareListOption
    @OptionGroup var json: JSONOption
    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        _ = try preset(model)
        try requirePositive([("batch", batch), ("sequence", sequence), ("steps", steps)])
        try require(tokens >= 2, "--tokens is \(tokens). Use 2 or more.")
        try require(
            batch <= 1024 && sequence <= 1 << 20 && tokens <= 1 << 20,
            "--batch is \(batch), --sequence \(sequence) and --tokens \(tokens). Use at most 1024, 1048576 and 1048576."
        )
    }

    func run() throws {
        let shape = try preset(model)
        let plans = try sharing.plans(layers: shape.layers)
        let (client, cache) = try runtime.open()
        var parameters = UniqueArray<DeviceBuffer>(minimumCapacity: shape.parameters.count)
        for specification in shape.parameters {
            let type = specification.shape(matricesAs: dtype.elementType).elementType
            parameters.append(
                try client.makeBuffer(
                    shape.initialValue(of: specification, seed: 1).converted(to: type)))
        }
        let (batch, sequence, tokens) = (batch, sequence, tokens)
        var options = EngineOptions()
        options.slots = batch
        options.maximumSequence = sequence + tokens
        // Every repetition reads its prompts anew.
        options.reusesPrefixes = false
        let planes = 2 * shape.layers * ((sequence + tokens + 31) / 32)
        options.cacheBytes =
            batch * planes * shape.keyValueHeads * shape.headDimension * 32
            * dtype.elementType.byteCount
        let engine = try Engine(
            shape, parameters: parameters, client: client, computeType: dtype.elementType,
            options: options, cache: cache)
        let stream = RandomStream(seed: 1, name: "benchmark")
        for plan in plans {
            try engine.compile(plan)
            let requests = try (0..<batch).map { row in
                GenerationRequest(
                    prompt: (0..<sequence).map {
                        Int32(
                            stream.bits(at: UInt64(row * sequence + $0)) % UInt64(shape.vocabulary))
                    }, plan: plan, sampler: try Sampler(), maximumTokens: tokens)
            }
            // The first round compiles what is left and is not counted.
            let rounds = try (0...steps).map { _ in
                try blocking { try await Round(requests, engine) }
            }.dropFirst()
            func median(_ value: (Round) -> Double) -> Double {
                rounds.map(value).sorted()[rounds.count / 2]
            }
            let result = Result(
                model: model, batch: batch, sequence: sequence, tokens: tokens,
                dtype: dtype.rawValue, share: plan.text(layers: shape.layers),
                tokensPerSecond: median(\.tokensPerSecond),
                promptTokensPerSecond: median(\.promptTokensPerSecond),
                peakMemoryBytes: ProcessMemory.peakResidentBytes, platform: client.platformName)
            if json.isOn {
                try printJSON(result)
            } else {
                try printLine(
                    """
                    \(model) \(result.share): \(fixed(result.tokensPerSecond, 1)) tokens/s, \
                    \(fixed(result.promptTokensPerSecond, 1)) prompt tokens/s \
                    (medians of \(steps)), peak memory \(bytes(result.peakMemoryBytes ?? 0))
                    """)
            }
        }
    }

    /// All requests at once, from their first to their last tokens.
    private struct Round: Sendable {
        let tokensPerSecond: Double
        let promptTokensPerSecond: Double

        init(_ requests: [GenerationRequest], _ engine: Engine) async throws {
            let clock = ContinuousClock()
            let start = clock.now
            let times = try await withThrowingTaskGroup(of: [ContinuousClock.Instant].self) {
                group in
                for request in requests {
                    group.addTask {
                        var times: [ContinuousClock.Instant] = []
                        for try await event in try engine.submit(request) {
                            if case .token = event { times.append(clock.now) }
                        }
                        return times
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            // While the last prompts are read, the first sequences already generate: what counts is
            // the time in which all do.
            let all = times.compactMap(\.first).max() ?? start
            let end = times.compactMap(\.last).min() ?? start
            let counted = times.reduce(0) { sum, times in
                sum + times.count { $0 > all && $0 <= end }
            }
            tokensPerSecond = Double(counted) / ((end - all) / .seconds(1))
            let prompts = requests.reduce(0) { $0 + $1.prompt.count }
            promptTokensPerSecond = Double(prompts) / ((all - start) / .seconds(1))
        }
    }

    private struct Result: Encodable {
        let model: String
        let batch: Int
        let sequence: Int
        let tokens: Int
        let dtype: String
        let share: String
        /// Medians, over all sequences.
        let tokensPerSecond: Double
        let promptTokensPerSecond: Double
        let peakMemoryBytes: Int?
        let platform: String
    }
}
