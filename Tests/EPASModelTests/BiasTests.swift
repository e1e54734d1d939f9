import EPASArray
import EPASModel
import Testing

@Suite("Biases")
struct BiasTests {
    private func model(attention: Bool, feedForward: Bool) throws -> ModelConfig {
        try ModelConfig(
            layers: 3, width: 8, heads: 4, keyValueHeads: 2, feedForward: 12, vocabulary: 16,
            attentionBias: attention, feedForwardBias: feedForward)
    }

    private func biases(_ model: ModelConfig) -> [ParameterSpecification] {
        model.parameters.filter { $0.role == .bias }
    }

    @Test func eachProjectionHasItsOwn() throws {
        #expect(try biases(model(attention: false, feedForward: false)).isEmpty)
        let attention = try biases(model(attention: true, feedForward: false)).prefix(4)
        #expect(
            attention.map(\.name)
                == ["q_proj", "k_proj", "v_proj", "o_proj"].map {
                    "model.layers.0.self_attn.\($0).bias"
                })
        #expect(attention.map(\.dimensions) == [[8], [4], [4], [8]])
        let inner = try biases(model(attention: false, feedForward: true)).prefix(3)
        #expect(
            inner.map(\.name)
                == ["gate_proj", "up_proj", "down_proj"].map { "model.layers.0.mlp.\($0).bias" })
        #expect(inner.map(\.dimensions) == [[12], [12], [8]])
    }

    @Test func theyStartAtZero() throws {
        let model = try model(attention: true, feedForward: true)
        #expect(biases(model).count == 3 * 7)
        for bias in biases(model) {
            #expect(model.initialValue(of: bias, seed: 1).doubles().allSatisfy { $0 == 0 })
        }
    }

    @Test("idle with their projection", arguments: [("qk:1", "qk"), ("kv:1", "kv")])
    func idle(share: String, letters: String) throws {
        let model = try model(attention: true, feedForward: true)
        let plan = try SharingPlan(parsing: share, layers: 3)
        let expected = letters.flatMap { letter in
            ["weight", "bias"].map { "model.layers.2.self_attn.\(letter)_proj.\($0)" }
        }
        #expect(model.idleParameters(under: plan) == Set(expected))
    }
}
