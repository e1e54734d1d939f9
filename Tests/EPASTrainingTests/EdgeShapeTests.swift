import BasicContainers
import EPASArray
import EPASModel
import EPASRuntime
import EPASTesting
import EPASTraining
import Foundation
import Testing

/// Training programs at the smallest sizes and across changes of the plan.
@Suite("Training programs at the edges")
struct EdgeShapeTests {
    static let optimizer = AdamW(beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1)

    let client: Client

    init() throws { client = try TestClient.shared }

    struct Edge: Sendable, CustomTestStringConvertible {
        var layers = 3
        var heads = 2
        var keyValueHeads = 2
        var headDimension = 2
        var width = 4
        var vocabulary = 5
        var batch = 2
        var sequence = 3
        var accumulation = 1
        var share = "none"
        var computeType = ElementType.float32
        let testDescription: String
    }

    static let edges =
        [
            Edge(batch: 1, sequence: 1, testDescription: "one token"),
            Edge(layers: 1, batch: 1, sequence: 1, testDescription: "one layer, one token"),
            Edge(vocabulary: 2, testDescription: "two words"),
            Edge(
                vocabulary: 2, batch: 1, sequence: 1, share: "qk:2", testDescription: "all smallest"
            ),
            Edge(width: 1, testDescription: "width 1"),
            Edge(heads: 6, keyValueHeads: 1, share: "kv:1", testDescription: "multi-query"),
            Edge(headDimension: 10, width: 3, testDescription: "heads wider than the model"),
            Edge(accumulation: 3, share: "scores:2", testDescription: "three batches a step"),
            Edge(batch: 1, accumulation: 3, testDescription: "three batches of one sequence"),
        ]
        + ["none", "qk:2", "kv:2", "scores:2", "kv:1<0", "qk:1<0,2<0"].map {
            Edge(
                heads: 4, share: $0, computeType: .bfloat16,
                testDescription: "bfloat16 with \($0)")
        }

    private func model(_ edge: Edge) throws -> ModelConfig {
        try ModelConfig(
            layers: edge.layers, width: edge.width, heads: edge.heads,
            keyValueHeads: edge.keyValueHeads, headDimension: edge.headDimension, feedForward: 7,
            vocabulary: edge.vocabulary)
    }

    private func batch(_ model: ModelConfig, _ rows: Int, _ sequence: Int, _ seed: Int) -> HostArray
    {
        let stream = RandomStream(seed: UInt64(seed), name: "tokens")
        let count = rows * (sequence + 1)
        return HostArray(
            (0..<count).map { Int32(stream.bits(at: UInt64($0)) % UInt64(model.vocabulary)) },
            [rows, sequence + 1])
    }

    private func step(
        _ model: ModelConfig, _ share: String, _ batch: Int, _ sequence: Int,
        accumulation: Int = 1, computeType: ElementType = .float32
    ) throws -> StepExecutable {
        try StepExecutable(
            TrainingProgram(
                model: model, plan: SharingPlan(parsing: share, layers: model.layers),
                computeType: computeType, batch: batch, sequence: sequence,
                optimizer: Self.optimizer, clip: 1),
            accumulation: accumulation
        ) { try client.compile($0) }
    }

    @Test("smallest sizes learn a batch by heart", arguments: edges)
    func learns(edge: Edge) throws {
        let model = try model(edge)
        var state = try TrainingState(startingFrom: model, client: client) {
            model.initialValue(of: $0, seed: 3)
        }
        let program = try step(
            model, edge.share, edge.batch, edge.sequence, accumulation: edge.accumulation,
            computeType: edge.computeType)
        let batches = (0..<edge.accumulation).map { batch(model, edge.batch, edge.sequence, $0) }
        var losses: [Float] = []
        for index in 1...40 {
            let outcome = try program(&state, batches: batches, step: index, learningRate: 3e-2)
            #expect(outcome.isFinite)
            losses.append(outcome.loss)
        }
        // Untrained logits are nearly zero: the loss is that of a guess.
        #expect(abs(losses[0] - log(Float(edge.vocabulary))) < 0.05)
        #expect(losses[39] < losses[0] - 0.05, "\(losses)")
    }

    @Test("a run that changes its plan goes on from the state of the plan before")
    func planChanges() throws {
        let model = try ModelConfig(
            layers: 4, width: 8, heads: 4, keyValueHeads: 2, feedForward: 12, vocabulary: 11)
        let plans = ["none", "qk:1", "qk:2", "kv:1<0,3<2", "scores:3", "none"]
        let inputs = batch(model, 2, 6, 1)
        var state = try TrainingState(startingFrom: model, client: client) {
            model.initialValue(of: $0, seed: 4)
        }
        for (index, share) in plans.enumerated() {
            let plan = try SharingPlan(parsing: share, layers: model.layers)
            let evaluator = try Evaluator(
                LossProgram(model: model, plan: plan, computeType: .float32), batch: 2,
                sequence: 6
            ) { try client.compile($0) }
            let before = try #require(try evaluator(state.parameters, batches: [inputs]))
            let outcome = try step(model, share, 2, 6)(
                &state, batches: [inputs], step: index + 1, learningRate: 1e-2)
            // The step's loss is that of the parameters it starts from, up to the order of sums.
            #expect(abs(Double(outcome.loss) - before.loss) < 1e-6 * before.loss, "\(share)")
            let after = try #require(try evaluator(state.parameters, batches: [inputs]))
            #expect(after.loss < before.loss, "\(share)")
        }
    }
}
