import BasicContainers
import EPASArray
import EPASInference
import EPASModel
import EPASRuntime
import EPASTesting
import EPASTraining

/// A small random model, on the device as an engine takes it and as the plain program does.
struct TinyEngine {
    let model: ModelConfig
    let client: Client
    let seed: UInt64
    /// Whether the matrices are integers.
    let hasIntegers: Bool

    /// - Parameter scale: Large weights make the attention sharp, so that mistakes in it show.
    init(
        layers: Int = 5, heads: Int = 4, keyValueHeads: Int = 2, headDimension: Int = 8,
        feedForward: Int = 40, attentionBias: Bool = false, tiedEmbeddings: Bool = false,
        maximumSequence: Int = 256, hasIntegers: Bool = false, seed: UInt64 = 1
    ) throws {
        model = try ModelConfig(
            layers: layers, width: 24, heads: heads, keyValueHeads: keyValueHeads,
            headDimension: headDimension, feedForward: feedForward, vocabulary: 67,
            tiedEmbeddings: tiedEmbeddings, attentionBias: attentionBias,
            feedForwardBias: attentionBias, maximumSequence: maximumSequence,
            initializerRange: 0.3)
        client = try TestClient.shared
        self.seed = seed
        self.hasIntegers = hasIntegers
    }

    private func matrices(_ type: ElementType) -> MatrixFormat {
        hasIntegers ? .integers(embedding: type) : .floats(type)
    }

    private func parameters(_ matrices: MatrixFormat) throws -> UniqueArray<DeviceBuffer> {
        var buffers = UniqueArray<DeviceBuffer>()
        var random = RandomArrays(seed: seed)
        for parameter in model.storedParameters(matrices) {
            let specification = parameter.specification
            var value = model.initialValue(of: specification, seed: seed)
            if specification.role == .bias {
                value = random.array(specification.dimensions, as: .float32)
            }
            for argument in try parameter.arguments(value) {
                buffers.append(try client.makeBuffer(argument))
            }
        }
        return buffers
    }

    func engine(
        _ options: EngineOptions = .init(), type: ElementType = .float32
    ) throws -> Engine {
        try Engine(
            model, parameters: parameters(matrices(type)), client: client, computeType: type,
            matrices: matrices(type), options: options)
    }

    /// The plain program's logits of one sequence, [T, V], without any cache.
    func logits(_ tokens: [Int32], plan: SharingPlan) throws -> [[Float]] {
        let program = LossProgram(
            model: model, plan: plan, computeType: .float32, matrices: matrices(.float32)
        ).inspect(batch: 1, sequence: tokens.count, gradients: false)
        let results = try client.compile(program).execute(
            borrowing: parameters(matrices(.float32)),
            inputs: [HostArray(tokens, [1, tokens.count])])
        let all = try results[1].hostArray().elements(as: Float.self)
        return (0..<tokens.count).map {
            Array(all[$0 * model.vocabulary..<($0 + 1) * model.vocabulary])
        }
    }

    /// Tokens that differ from seed to seed.
    func prompt(_ count: Int, seed: UInt64) -> [Int32] {
        var random = RandomArrays(seed: seed)
        return random.indices([count], below: model.vocabulary).elements(as: Int32.self)
    }

    /// Every region length of both kinds, and two maps.
    var plans: [SharingPlan] {
        get throws {
            var plans: [SharingPlan] = [.none]
            for kind in [SharingKind.queryKey, .keyValue, .scores] {
                for count in 1..<model.layers {
                    plans.append(try SharingPlan(kind, last: count, layers: model.layers))
                }
                plans.append(try SharingPlan(kind, sources: [1: 0, 3: 2], layers: model.layers))
                plans.append(try SharingPlan(kind, sources: [2: 0, 4: 0], layers: model.layers))
            }
            return plans
        }
    }
}

/// What came of a request.
struct Output: Hashable {
    var tokens: [Int32] = []
    var scores: [TokenScore?] = []
    var promptScores: [TokenScore?] = []
    var summary: GenerationSummary?

    /// The output without its times.
    var result: [AnyHashable] { [tokens, scores, promptScores, summary?.reason] }
}

extension Engine {
    /// The statistics once nothing runs or waits: they follow the last event within a round.
    func restingStatistics() async throws -> EngineStatistics {
        let deadline = ContinuousClock.now + .seconds(60)
        while statistics.running + statistics.waiting > 0, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(2))
        }
        return statistics
    }

    /// Runs a request to its end.
    func output(_ request: GenerationRequest) async throws -> Output {
        try await Output(of: try submit(request))
    }

    /// Runs requests together, all queued before the first result is looked at.
    func outputs(_ requests: [GenerationRequest]) async throws -> [Output] {
        let streams = try requests.map { try submit($0) }
        var outputs: [Output] = []
        for stream in streams { outputs.append(try await Output(of: stream)) }
        return outputs
    }
}

extension Output {
    fileprivate init(
        of events: AsyncThrowingStream<GenerationEvent, any Error>
    ) async throws {
        for try await event in events {
            switch event {
            case .prompt(let scores): promptScores = scores
            case .token(let token, let score):
                tokens.append(token)
                scores.append(score)
            case .finished(let summary): self.summary = summary
            }
        }
    }
}
