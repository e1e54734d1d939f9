import EPASArray
import EPASGraph
import EPASModel
import EPASRuntime
import EPASTesting
import Foundation
import Testing

@testable import EPASEvaluation

@Suite("Scores of requests")
struct ScorerTests {
    static let shares = ["none", "qk:1", "qk:3", "scores:2", "kv:2", "qk:1<0,3<0"]

    /// Differences of float32 sums over up to 24 targets, each log-probability of some 10 nats.
    static let tolerance = 1e-3

    private func plans(_ model: TinyModel, _ shares: [String]) throws -> [SharingPlan] {
        try shares.map { try SharingPlan(parsing: $0, layers: model.config.layers) }
    }

    private func scores(
        _ requests: [ScoringRequest], _ model: TinyModel, _ plans: [SharingPlan],
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> [[Score]] {
        let scorer = Scorer(
            program: ScoringProgram(
                model: model.config, plans: plans, computeType: .float32,
                matrices: .floats(.float32))
        ) { try TestClient.shared.compile($0) }
        return try scorer(
            requests, maximumLength: TinyModel.longest, parameters: model.upload(),
            progress: progress)
    }

    /// Requests of many lengths, some with equal inputs; every other one asks for what the model
    /// itself finds most likely at first, so that some are greedy.
    private func requests(_ model: TinyModel, _ plan: SharingPlan) throws -> [ScoringRequest] {
        let stream = RandomStream(seed: 3, name: "requests")
        var requests: [ScoringRequest] = []
        for index in 0..<14 {
            let length = 1 + index * 23 / 13
            let input = (0..<length).map {
                Int32(stream.bits(at: UInt64(100 * index + $0)) % 259)
            }
            if index.isMultiple(of: 2) {
                let row = try model.logProbabilities(input, plan)[length - 1]
                let best = row.indices.max { row[$0] < row[$1] } ?? 0
                requests.append(ScoringRequest(input: input, targets: [Int32(best)]))
            }
            let count = 1 + index % length
            requests.append(
                ScoringRequest(input: input, targets: Array((input + [5]).suffix(count))))
        }
        return requests
    }

    @Test("every plan of one pass equals one sequence at a time")
    func equalsTheOracle() throws {
        let model = try TinyModel()
        let plans = try plans(model, Self.shares)
        let requests = try requests(model, plans[0])
        let all = try scores(requests, model, plans)
        #expect(all.count == plans.count)
        for (plan, scores) in zip(plans, all) {
            for (request, score) in zip(requests, scores) {
                let expected = try model.score(request.input, request.targets, plan)
                #expect(abs(score.logProbability - expected.logProbability) < Self.tolerance)
                #expect(score.isGreedy == expected.isGreedy)
            }
        }
        #expect(all[0].contains { $0.isGreedy })
        #expect(all[0].contains { !$0.isGreedy })
        // The plans are different functions.
        #expect(abs(all[0][3].logProbability - all[2][3].logProbability) > 10 * Self.tolerance)
    }

    @Test func progressCountsInputsOnce() throws {
        let model = try TinyModel()
        let requests = [
            ScoringRequest(input: [1, 2], targets: [3]),
            ScoringRequest(input: [1, 2], targets: [4]),
            ScoringRequest(input: [1, 3], targets: [3, 4]),
        ]
        var seen: [[Int]] = []
        let scores = try scores(requests, model, [.none]) { seen.append([$0, $1]) }
        #expect(seen == [[0, 2], [2, 2]])
        let row = try model.logProbabilities([1, 2], .none)[1]
        #expect(abs(scores[0][1].logProbability - row[4]) < Self.tolerance)
    }

    @Test("common layers are in the program once")
    func sharesLayers() throws {
        let model = try TinyModel().config
        func products(_ shares: [String]) throws -> Int {
            let program = ScoringProgram(
                model: model,
                plans: try shares.map { try SharingPlan(parsing: $0, layers: model.layers) },
                computeType: .float32, matrices: .floats(.float32))
            return program.text(batch: 2, sequence: 8, targets: 4)
                .components(of: "stablehlo.dot_general")
        }
        let (none, one) = (try products(["none"]), try products(["qk:1"]))
        // A layer: 7 projections and 2 products of attention; the head is one more.
        #expect(none == 4 * 9 + 1)
        // Without its query and key projections; equal scores are computed once as well.
        #expect(one == none - 3)
        // What a second plan adds: its last layer but for value and scores, and the head.
        #expect(try products(["none", "qk:1"]) == none + 6)
        #expect(try products(["none", "none"]) == none)
    }

    @Test("a large vocabulary is projected in parts")
    func parts() throws {
        let model = try ModelConfig(
            layers: 1, width: 2, heads: 1, keyValueHeads: 1, headDimension: 2, feedForward: 2,
            vocabulary: 1 << 20, maximumSequence: 64)
        let graph = Graph()
        let results = ScoringProgram(
            model: model, plans: [.none], computeType: .float32, matrices: .floats(.float32)
        ).results(batch: 1, sequence: 16, targets: 40, graph: graph)
        let text = graph.program(named: "score", returning: results)
        #expect(results.map(\.dimensions) == [[40], [40]])
        #expect(text.contains("tensor<16x1048576xf32>"))
        #expect(text.contains("tensor<8x1048576xf32>"))
        #expect(!text.contains("tensor<40x1048576xf32>"))
    }

    @Test("batches of few sizes hold every target once")
    func batches() {
        let requests = (0..<200).map { index in
            let length = 1 + index * 7 % 90
            return ScoringRequest(
                input: [Int32](repeating: Int32(index), count: length),
                targets: [Int32](repeating: 1, count: 1 + index % length))
        }
        let batches = ScoringBatch.batches(of: requests, maximumLength: 90, heads: 2)
        #expect(Set(batches.map(\.sizes)).count == 3)
        #expect(Set(batches.map(\.sizes.sequence)) == [32, 64, 90])
        #expect(batches.reduce(0) { $0 + $1.rows } == 200)
        let counts = batches.flatMap(\.requestOfTarget).reduce(into: [Int: Int]()) {
            $0[$1, default: 0] += 1
        }
        for (index, request) in requests.enumerated() {
            #expect(counts[index] == request.targets.count)
        }
        for batch in batches {
            #expect(batch.sizes.batch * batch.sizes.sequence <= 4096)
            #expect(batch.requestOfTarget.count <= batch.sizes.targets)
        }
        let long = ScoringRequest(input: [Int32](repeating: 1, count: 2000), targets: [1])
        let few = ScoringBatch.batches(of: [long, long], maximumLength: 2048, heads: 64)
        #expect(few.map(\.sizes.batch) == [1])
        #expect(few.map(\.rows) == [1])
        #expect(few.map(\.requestOfTarget) == [[0, 1]])
    }
}

extension String {
    fileprivate func components(of part: String) -> Int { components(separatedBy: part).count - 1 }
}
