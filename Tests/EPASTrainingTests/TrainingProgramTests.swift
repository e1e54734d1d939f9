import BasicContainers
import EPASArray
import EPASConfig
import EPASModel
import EPASRuntime
import EPASTesting
import EPASTraining
import Foundation
import Testing

@Suite("Training programs")
struct TrainingProgramTests {
    static let model: ModelConfig = {
        do {
            return try ModelConfig(
                layers: 4, width: 16, heads: 4, keyValueHeads: 2, feedForward: 24, vocabulary: 37)
        } catch {
            fatalError("\(error)")
        }
    }()
    static let optimizer = AdamW(beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1)

    let client: Client

    init() throws { client = try TestClient.shared }

    func program(
        _ share: String, model: ModelConfig = model, clip: Double? = 1,
        computeType: ElementType = .float32, kernels: Bool = true,
        rematerialization: Rematerialization = .none
    ) throws -> TrainingProgram {
        TrainingProgram(
            model: model, plan: try SharingPlan(parsing: share, layers: model.layers),
            computeType: computeType, batch: 2, sequence: 9, optimizer: Self.optimizer, clip: clip,
            kernels: kernels ? client.kernels : [], rematerialization: rematerialization)
    }

    func executable(_ program: TrainingProgram, accumulation: Int = 1) throws -> StepExecutable {
        try StepExecutable(program, accumulation: accumulation) { try client.compile($0) }
    }

    func initialState(_ model: ModelConfig = model) throws -> TrainingState {
        try TrainingState(startingFrom: model, client: client) {
            model.initialValue(of: $0, seed: 5)
        }
    }

    func tokens(_ seed: Int) -> HostArray {
        let stream = RandomStream(seed: UInt64(seed), name: "tokens")
        return HostArray((0..<20).map { Int32(stream.bits(at: $0) % 37) }, [2, 10])
    }

    /// Runs steps and returns every buffer's bytes by role and parameter name.
    func bytes(_ state: borrowing TrainingState) throws -> [String: [UInt8]] {
        var result: [String: [UInt8]] = [:]
        let names = Self.model.parameters.map(\.name)
        let arrays = try state.parameters.hostArrays() + state.moments.hostArrays()
        for (index, array) in arrays.enumerated() {
            let role = ["parameter", "first", "second"][index / names.count]
            result["\(role) \(names[index % names.count])"] = array.withUnsafeBytes { Array($0) }
        }
        return result
    }

    @Test(
        "idle projections and their moments keep their bits, the others change",
        arguments: ["qk:2", "kv:2", "scores:3", "kv:1<0,3<2"])
    func idleProjections(share: String) throws {
        var state = try initialState()
        let none = try executable(program("none"))
        for step in 1...2 {
            _ = try none(&state, batches: [tokens(step)], step: step, learningRate: 1e-2)
        }
        let before = try bytes(state)
        let shared = try program(share)
        let step = try executable(shared)
        for index in 3...6 {
            _ = try step(&state, batches: [tokens(index)], step: index, learningRate: 1e-2)
        }
        let after = try bytes(state)
        let idle = Self.model.idleParameters(under: shared.plan)
        #expect(!idle.isEmpty)
        for (key, value) in before {
            let name = String(key.split(separator: " ")[1])
            #expect((after[key] == value) == idle.contains(name), "\(key)")
        }
    }

    @Test(
        "an idle projection and its moments go from argument to result without an operation",
        arguments: [("qk:2", true), ("kv:2", true), ("scores:1", true), ("qk:2", false)],
        Rematerialization.allCases)
    func idleArgumentsPassThrough(
        form: (share: String, kernels: Bool), rematerialization: Rematerialization
    ) throws {
        // In bfloat16 a projection that is used is cast.
        let program = try program(
            form.share, computeType: .bfloat16, kernels: form.kernels,
            rematerialization: rematerialization)
        let idle = Self.model.idleParameters(under: program.plan)
        #expect(idle.count >= 2)
        let lines = program.step().split(separator: "\n")
        for name in idle {
            for role in ["", "first.", "second."] {
                let uses = lines.filter { $0.contains("%\(role)\(name)") }
                    .map { $0.drop(while: \.isWhitespace).prefix(13) }
                // Once in the signature, once among the results.
                #expect(uses.count == 2, "\(role)\(name)")
                #expect(uses.last == "\"func.return\"")
            }
        }
        // Nor is there a sum of gradients for it, and batches are added up without looking at it.
        #expect(program.sumShapes.count == 1 + Self.model.parameters.count - idle.count)
        let accumulated = program.accumulate().split(separator: "\n")
        for name in idle {
            #expect(accumulated.filter { $0.contains("%\(name)") }.count == 1)
        }
    }

    /// The operands' types of the one call of a kernel.
    private func operands(of target: String, in text: String) throws -> [Substring] {
        let calls = text.split(separator: "\n").filter {
            $0.contains("call_target_name = \"\(target)\"")
        }
        #expect(calls.count == 1)
        let types = try #require(calls.first?.split(separator: "> : (").last)
        return types.prefix(while: { $0 != ")" }).split(separator: ", ")
    }

    @Test("the optimizer takes gradients as products give them")
    func narrowGradients() throws {
        let shared = try program("qk:1", computeType: .bfloat16)
        let text = shared.step()
        let parameters = shared.active.map { Self.model.parameters[$0] }
        let expected = parameters.map { parameter in
            let dimensions = parameter.dimensions.map { "\($0)x" }.joined()
            // Looking up rows has a float32 derivative.
            let isNarrow = parameter.role == .matrix && !parameter.name.contains("embed_tokens")
            return "tensor<\(dimensions)\(isNarrow ? "bf16" : "f32")>"
        }
        #expect(try operands(of: "epas.sum_of_squares", in: text).map(String.init) == expected)
        let update = try operands(of: "epas.adamw", in: text)
        #expect(update.count == 5 + 4 * parameters.count)
        #expect(update.suffix(parameters.count).map(String.init) == expected)
    }

    /// Every moment is read once more where a parameter's update and its own are two loops, so that
    /// the compiler would copy it first.
    @Test("applying sums takes no memory beside the state", arguments: ["none", "kv:2"])
    func appliesInPlace(share: String) throws {
        let apply = try client.compile(program(share).apply(accumulation: 2))
        let memory = try apply.memoryStatistics()
        let state = 3 * Self.model.parameters.reduce(0) { $0 + 4 * $1.elementCount }
        #expect(memory.aliased >= state)
        // Scalars and the addresses of the results.
        #expect(memory.temporary < state / 10)
    }

    @Test("accumulated batches train as one batch of their sequences does")
    func accumulation() throws {
        var whole = try initialState()
        var parts = try initialState()
        let model = Self.model
        let plan = try SharingPlan(parsing: "qk:2", layers: model.layers)
        let wide = TrainingProgram(
            model: model, plan: plan, computeType: .float32, batch: 4, sequence: 9,
            optimizer: Self.optimizer, clip: 0.5)
        let wholeStep = try executable(wide)
        let partStep = try executable(program("qk:2", clip: 0.5), accumulation: 2)
        for index in 1...3 {
            let halves = [tokens(2 * index), tokens(2 * index + 1)]
            let joined = HostArray(halves.flatMap { $0.elements(as: Int32.self) }, [4, 10])
            let a = try wholeStep(&whole, batches: [joined], step: index, learningRate: 1e-3)
            let b = try partStep(&parts, batches: halves, step: index, learningRate: 1e-3)
            // Sums in another order: a few units in the last place.
            #expect(abs(a.loss - b.loss) < 1e-6 * a.loss)
            #expect(abs(a.gradientNorm - b.gradientNorm) < 1e-5 * a.gradientNorm)
        }
        let (a, b) = (try whole.parameters.hostArrays(), try parts.parameters.hostArrays())
        for (x, y) in zip(a, b) {
            // Adam divides by the gradient's size, which magnifies rounding of small gradients:
            // at most a small part of the 3 · 1e-3 that three steps can move a weight.
            for (u, v) in zip(x.elements(as: Float.self), y.elements(as: Float.self)) {
                #expect(abs(u - v) < 3e-5)
            }
        }
    }

    @Test("a step that is stopped between its batches changes nothing")
    func stoppedAccumulation() throws {
        var state = try initialState()
        let before = try bytes(state)
        let step = try executable(program("qk:2"), accumulation: 3)
        var asked = 0
        let outcome = try step.advance(
            &state, batches: [tokens(1), tokens(2), tokens(3)], step: 1, learningRate: 1e-3
        ) {
            asked += 1
            return asked == 2
        }
        #expect(outcome == nil)
        #expect(asked == 2)
        #expect(try bytes(state) == before)
    }

    @Test("a loss or gradient that is not finite changes nothing")
    func notFinite() throws {
        let model = Self.model
        var state = try TrainingState(startingFrom: model, client: client) { parameter in
            let value = model.initialValue(of: parameter, seed: 5)
            guard parameter.name == "model.layers.2.mlp.up_proj.weight" else { return value }
            var elements = value.elements(as: Float.self)
            elements[7] = .infinity
            return HostArray(elements, parameter.dimensions)
        }
        let before = try bytes(state)
        let step = try executable(program("none"))
        let outcome = try step(&state, batches: [tokens(1)], step: 1, learningRate: 1e-3)
        #expect(!outcome.isFinite)
        #expect(try bytes(state) == before)
        let accumulated = try executable(program("none"), accumulation: 2)
        let sum = try accumulated(
            &state, batches: [tokens(1), tokens(2)], step: 1, learningRate: 1e-3)
        #expect(!sum.isFinite)
        #expect(try bytes(state) == before)
    }

    @Test("bfloat16 compute stays close to float32 and keeps float32 masters")
    func bfloat16() throws {
        var narrow = try initialState()
        var wide = try initialState()
        let a = try executable(program("qk:2", computeType: .bfloat16))
        let b = try executable(program("qk:2"))
        for index in 1...3 {
            let x = try a(&narrow, batches: [tokens(index)], step: index, learningRate: 1e-3)
            let y = try b(&wide, batches: [tokens(index)], step: index, learningRate: 1e-3)
            // bfloat16 has 8 bits: 2⁻⁸ of a logit of order 0.1 per rounding, averaged.
            #expect(abs(x.loss - y.loss) < 4e-3 * y.loss)
            #expect(x.loss != y.loss)
        }
        let values = try narrow.parameters[0].hostArray().elements(as: Float.self)
        #expect(values.contains { Float(BFloat16($0)) != $0 })
    }

    @Test("one update is AdamW's, with decay on matrices only")
    func adamW() throws {
        let model = Self.model
        var state = try initialState()
        let program = try program("none", clip: nil)
        let inputs = tokens(1)
        let loss = LossProgram(
            model: model, plan: .none, computeType: .float32, kernels: client.kernels)
        let reference = try client.compile(
            loss.inspect(batch: 2, sequence: 10, gradients: true))
        // `inspect` predicts the same nine targets from ten tokens.
        let gradients = try reference.execute(
            borrowing: state.parameters, inputs: [inputs]
        ).hostArrays().dropFirst(2).map { $0.elements(as: Float.self) }
        let before = try state.parameters.hostArrays().map { $0.elements(as: Float.self) }
        let rate = 1e-2
        _ = try executable(program)(&state, batches: [inputs], step: 1, learningRate: rate)
        let after = try state.parameters.hostArrays().map { $0.elements(as: Float.self) }
        for (index, parameter) in model.parameters.enumerated() {
            let decay = parameter.role == .matrix ? 0.1 : 0
            for i in before[index].indices {
                let (p, g) = (Double(before[index][i]), Double(gradients[index][i]))
                // After bias correction the first step's moments are g and g².
                let expected = p - rate * (g / (abs(g) + 1e-8) + decay * p)
                // A gradient near the rounding of its own sum has a direction of noise.
                guard abs(g) > 1e-6 else { continue }
                #expect(
                    abs(Double(after[index][i]) - expected) < 2e-4 * rate,
                    "\(parameter.name)[\(i)]")
            }
        }
    }

    @Test("bfloat16 moments follow float32 ones to their own rounding")
    func bfloat16Moments() throws {
        let model = Self.model
        let narrowOptimizer = AdamW(
            beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, momentType: .bfloat16)
        var narrow = try TrainingState(
            startingFrom: model, client: client, momentType: .bfloat16
        ) { model.initialValue(of: $0, seed: 5) }
        var wide = try initialState()
        let a = try executable(
            TrainingProgram(
                model: model, plan: .none, computeType: .float32, batch: 2, sequence: 9,
                optimizer: narrowOptimizer, clip: 1))
        let b = try executable(program("none"))
        for index in 1...5 {
            let x = try a(&narrow, batches: [tokens(index)], step: index, learningRate: 1e-3)
            let y = try b(&wide, batches: [tokens(index)], step: index, learningRate: 1e-3)
            #expect(abs(x.loss - y.loss) < 1e-3 * y.loss)
        }
        let moments = try narrow.moments.hostArrays()
        #expect(moments.allSatisfy { $0.shape.elementType == .bfloat16 })
        for (x, y) in zip(moments, try wide.moments.hostArrays()) {
            // Five roundings of 2⁻⁹ each, and gradients that have drifted apart a little.
            expectClose(x.doubles(), y.doubles(), relativeNorm: 0.03)
        }
    }

    private func expectClose(_ actual: [Double], _ expected: [Double], relativeNorm: Double) {
        let difference = zip(actual, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        let norm = expected.reduce(0) { $0 + $1 * $1 }
        #expect(difference <= relativeNorm * relativeNorm * norm)
    }

    @Test("sharing by queries and keys and by kept probabilities train alike, bit for bit")
    func scoresEqualQueryKey() throws {
        var a = try initialState()
        var b = try initialState()
        let x = try executable(program("qk:3"))
        let y = try executable(program("scores:3"))
        for index in 1...4 {
            let p = try x(&a, batches: [tokens(index)], step: index, learningRate: 1e-2)
            let q = try y(&b, batches: [tokens(index)], step: index, learningRate: 1e-2)
            #expect(p == q)
        }
        #expect(try bytes(a) == bytes(b))
    }
}
