import BasicContainers
import EPASArray
import EPASConfig
import EPASModel
import EPASRuntime
import EPASTesting
import EPASTraining
import Testing

@Suite("Rematerialization")
struct RematerializationTests {
    static let model = model(layers: 4)
    static let deepModel = model(layers: 8)
    static let sequence = 67

    static func model(layers: Int) -> ModelConfig {
        do {
            return try ModelConfig(
                layers: layers, width: 32, heads: 4, keyValueHeads: 2, feedForward: 56,
                vocabulary: 61)
        } catch {
            fatalError("\(error)")
        }
    }

    let client: Client

    init() throws { client = try TestClient.shared }

    func program(
        _ share: String, _ type: ElementType, _ mode: Rematerialization, kernels: Bool,
        model: ModelConfig = model, sequence: Int = sequence
    ) throws -> TrainingProgram {
        TrainingProgram(
            model: model, plan: try SharingPlan(parsing: share, layers: model.layers),
            computeType: type, batch: 2, sequence: sequence,
            optimizer: AdamW(beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1), clip: 1,
            kernels: kernels ? client.kernels : [], rematerialization: mode)
    }

    /// The loss and every gradient of one batch, in the order of the sums.
    func gradients(_ program: TrainingProgram) throws -> [[Float]] {
        let accumulate = try client.compile(program.accumulate())
        let model = Self.model
        let stream = RandomStream(seed: 3, name: "tokens")
        let tokens = HostArray(
            (0..<2 * UInt64(program.sequence + 1)).map {
                Int32(stream.bits(at: $0) % UInt64(model.vocabulary))
            }, [2, program.sequence + 1])
        let inputs =
            program.sumShapes.map { HostArray.zeros($0) }
            + model.parameters.map { model.initialValue(of: $0, seed: 5) } + [tokens]
        return try accumulate.run(inputs).map { $0.elements(as: Float.self) }
    }

    @Test(
        "kernels give the same bits",
        arguments: [
            ("none", ElementType.bfloat16), ("qk:2", .bfloat16), ("qk:2", .float32),
            ("kv:2", .bfloat16), ("scores:1<0,3<2", .bfloat16),
        ])
    func withKernels(share: String, type: ElementType) throws {
        let kept = try gradients(program(share, type, .none, kernels: true))
        for mode in [Rematerialization.attention, .layer] {
            let again = try gradients(program(share, type, mode, kernels: true))
            let same = zip(again, kept).map { $0 == $1 }
            #expect(!same.contains(false), "\(mode): \(same)")
        }
    }

    @Test(
        "plain operations give the same to rounding",
        arguments: ["none", "qk:3", "kv:3"])
    func plain(share: String) throws {
        let kept = try gradients(program(share, .float32, .none, kernels: false))
        for mode in [Rematerialization.attention, .layer] {
            let again = try gradients(program(share, .float32, mode, kernels: false))
            for (a, b) in zip(again, kept) {
                let largest = b.map(abs).max() ?? 0
                // Sums of 134 tokens' terms, divided among threads in other ways.
                let difference = zip(a, b).map { abs($0 - $1) }.max() ?? 0
                #expect(difference <= 1e-5 * largest, "\(mode)")
            }
        }
    }

    @Test(
        "each mode takes less memory than the one before it",
        arguments: [("none", true), ("qk:5", true), ("kv:5", true), ("none", false)])
    func memory(share: String, kernels: Bool) throws {
        let modes: [Rematerialization] = [.none, .attention, .layer]
        let bytes = try modes.map { mode in
            let program = try program(
                share, .bfloat16, mode, kernels: kernels, model: Self.deepModel, sequence: 128)
            return try client.compile(program.accumulate()).memoryStatistics().temporary
        }
        #expect(bytes[1] < bytes[0], "\(bytes)")
        #expect(bytes[2] < bytes[1], "\(bytes)")
    }
}
