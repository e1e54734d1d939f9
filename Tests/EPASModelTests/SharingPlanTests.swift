import EPASConfig
import EPASModel
import EPASTesting
import Testing

@Suite("Sharing plan")
struct SharingPlanTests {
    @Test(
        "a specification names the sources",
        arguments: [
            ("qk:0", SharingKind.queryKey, [:]),
            ("none", .queryKey, [:]),
            ("", .queryKey, [:]),
            ("qk:2", .queryKey, [4: 3, 5: 3]),
            ("kv:5", .keyValue, [1: 0, 2: 0, 3: 0, 4: 0, 5: 0]),
            ("scores:1", .scores, [5: 4]),
            ("qk:2<1,3<1", .queryKey, [2: 1, 3: 1]),
            ("kv:1<0,3<2", .keyValue, [1: 0, 3: 2]),
        ] as [(String, SharingKind, [Int: Int])])
    func parses(text: String, kind: SharingKind, sources: [Int: Int]) throws {
        let plan = try SharingPlan(parsing: text, layers: 6)
        #expect(plan.kind == kind)
        #expect(plan.sources == sources)
    }

    @Test(
        "what cannot be a plan is refused with what to write",
        arguments: [
            (
                "qk",
                "sharing: \"qk\" is not a sharing specification. Write KIND:N or KIND:a<b,c<d with KIND one of qk, kv, scores, such as qk:4."
            ),
            (
                "qv:2",
                "sharing: \"qv:2\" is not a sharing specification. Write KIND:N or KIND:a<b,c<d with KIND one of qk, kv, scores, such as qk:4."
            ),
            (
                "qk:2<1,",
                "sharing: \"qk:2<1,\" is not a sharing specification. Write KIND:N or KIND:a<b,c<d with KIND one of qk, kv, scores, such as qk:4."
            ),
            (
                "qk:99999999999999999999",
                "sharing: \"qk:99999999999999999999\" is not a sharing specification. Write KIND:N or KIND:a<b,c<d with KIND one of qk, kv, scores, such as qk:4."
            ),
            ("qk:6", "sharing: 6 of 6 layers cannot share. Use 0 to 5: layer 0 always computes."),
            ("qk:-1", "sharing: -1 of 6 layers cannot share. Use 0 to 5: layer 0 always computes."),
            (
                "qk:6<1",
                "sharing: 6<1 names a layer that a model of 6 layers lacks. Use layers 0 to 5."
            ),
            (
                "qk:1<1",
                "sharing: layer 1 cannot reuse layer 1, which does not come before it. Name a shallower source layer."
            ),
            (
                "kv:2<1,3<2",
                "sharing: layer 3 cannot reuse layer 2, which itself reuses layer 1. Name a source that computes its own activations, such as 3<1."
            ),
            (
                "kv:2<1,2<0",
                "sharing: \"kv:2<1,2<0\" names a source for layer 2 twice. Name each sharing layer once."
            ),
        ])
    func refuses(text: String, message: String) {
        let error = #expect(throws: ConfigError.self) {
            try SharingPlan(parsing: text, layers: 6)
        }
        #expect(error?.description == message)
    }

    @Test("text and plan are each other's inverse on random maps", arguments: 0..<200)
    func roundTrip(seed: Int) throws {
        var generator = SplitMix(seed: UInt64(seed))
        let layers = Int.random(in: 1...12, using: &generator)
        var sources: [Int: Int] = [:]
        for layer in 1..<max(2, layers) where layer < layers && Bool.random(using: &generator) {
            let computing = (0..<layer).filter { sources[$0] == nil }
            sources[layer] = computing.randomElement(using: &generator)
        }
        let kind = SharingKind.allCases.randomElement(using: &generator)!
        let plan = try SharingPlan(kind, sources: sources, layers: layers)
        #expect(try SharingPlan(parsing: plan.text(layers: layers), layers: layers) == plan)
    }

    @Test func aListNamesSeveralLengths() throws {
        let plans = try SharingPlan.list(parsing: "qk:0,2,4", layers: 6)
        #expect(plans.map { $0.text(layers: 6) } == ["none", "qk:2", "qk:4"])
        #expect(try SharingPlan.list(parsing: "qk:2<1,3<1", layers: 6).count == 1)
    }

    @Test("a plan leaves the projections idle that it skips")
    func idleParameters() throws {
        let model = try #require(ModelConfig(preset: "tiny"))
        func idle(_ text: String) throws -> [String] {
            let plan = try SharingPlan(parsing: text, layers: model.layers)
            return model.idleParameters(under: plan).sorted()
        }
        #expect(try idle("none") == [])
        #expect(
            try idle("qk:1") == [
                "model.layers.3.self_attn.k_proj.weight", "model.layers.3.self_attn.q_proj.weight",
            ])
        #expect(try idle("scores:1") == idle("qk:1"))
        #expect(
            try idle("kv:1<0") == [
                "model.layers.1.self_attn.k_proj.weight", "model.layers.1.self_attn.v_proj.weight",
            ])
    }

    @Test(
        "probabilities are kept for the largest regions that the memory holds",
        arguments: [
            ("qk:1<0,3<2,4<2,5<2", 100, 100, [2]), ("qk:1<0,3<2,4<2,5<2", 100, 199, [2]),
            ("qk:1<0,3<2,4<2,5<2", 100, 200, [0, 2]), ("scores:1<0,3<2", 100, 100, [0]),
            ("qk:3", 100, 99, []), ("qk:3", nil, .max, []), ("qk:3", 0, 100, []),
            ("kv:3", 1, 100, []), ("none", 1, 100, []),
        ] as [(String, Int?, Int, Set<Int>)])
    func keptProbabilities(share: String, bytes: Int?, bound: Int, sources: Set<Int>) throws {
        let plan = try SharingPlan(parsing: share, layers: 6)
        #expect(plan.sourcesKeepingProbabilities(bytes: bytes, bound: bound) == sources)
    }
}
