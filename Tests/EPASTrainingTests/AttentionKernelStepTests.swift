import BasicContainers
import EPASArray
import EPASModel
import EPASRuntime
import EPASTesting
import EPASTraining
import Testing

@Suite("Training steps with kernels")
struct AttentionKernelStepTests {
    static let model: ModelConfig = {
        do {
            return try ModelConfig(
                layers: 3, width: 24, heads: 4, keyValueHeads: 2, feedForward: 40, vocabulary: 61)
        } catch {
            fatalError("\(error)")
        }
    }()

    let client: Client

    init() throws { client = try TestClient.shared }

    /// Losses and gradient norms of some steps, and the parameters after them.
    func run(
        _ share: String, _ type: ElementType, kernels: Set<String>
    ) throws -> (outcomes: [StepExecutable.Outcome], parameters: [[UInt8]]) {
        let model = Self.model
        let program = TrainingProgram(
            model: model, plan: try SharingPlan(parsing: share, layers: model.layers),
            computeType: type, batch: 2, sequence: 67,
            optimizer: AdamW(beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1), clip: 1,
            kernels: kernels)
        let step = try StepExecutable(program, accumulation: 1) { try client.compile($0) }
        var state = try TrainingState(startingFrom: model, client: client) {
            model.initialValue(of: $0, seed: 5)
        }
        let stream = RandomStream(seed: 3, name: "tokens")
        let tokens = HostArray((0..<136).map { Int32(stream.bits(at: $0) % 61) }, [2, 68])
        let outcomes = try (1...4).map {
            try step(&state, batches: [tokens], step: $0, learningRate: 1e-2)
        }
        let parameters = try state.parameters.hostArrays().map { $0.withUnsafeBytes { Array($0) } }
        return (outcomes, parameters)
    }

    /// float32 sums in another order, which four updates of Adam magnify where gradients are
    /// small; bfloat16 rounds activations to 8 bits, and the loss averages 134 tokens. Both are
    /// compared with float32's plain operations: those in bfloat16 err as much as the kernels do,
    /// often to the other side.
    @Test(
        "losses are those of the plain operations",
        arguments: ["qk:2"])
    func againstPlain(share: String) throws {
        let plain = try run(share, .float32, kernels: []).outcomes
        for (type, bound) in [(ElementType.float32, 1e-4), (.bfloat16, 0x1p-7)] {
            let fast = try run(share, type, kernels: client.kernels).outcomes
            #expect(plain[0].loss > plain[3].loss)
            for (a, b) in zip(plain, fast) {
                #expect(abs(a.loss - b.loss) <= Float(bound) * a.loss, "\(type)")
                #expect(
                    abs(a.gradientNorm - b.gradientNorm) <= 8 * Float(bound) * a.gradientNorm,
                    "\(type)")
            }
        }
    }

    /// Sharing scores is the program of sharing queries and keys.
    @Test("a run repeats bit for bit", arguments: ["scores:2"])
    func repeats(share: String) throws {
        let once = try run("qk:2", .bfloat16, kernels: client.kernels)
        let again = try run(share, .bfloat16, kernels: client.kernels)
        #expect(again.outcomes == once.outcomes)
        #expect(again.parameters == once.parameters)
    }
}
