import EPASArray
import EPASConfig
import EPASModel
import Foundation
import Testing

@Suite("Model configuration")
struct ModelConfigTests {
    @Test("every problem of a shape is named at once")
    func problems() {
        let error = #expect(throws: ModelConfigError.self) {
            try ModelConfig(
                layers: 0, width: 10, heads: 4, keyValueHeads: 3, feedForward: 8, vocabulary: -2)
        }
        #expect(
            error?.problems == [
                "layers is 0, outside 1 to 1048576", "vocabulary is -2, outside 1 to 1048576",
                "4 heads are not a multiple of 3 key-value heads",
                "width 10 is not a multiple of 4 heads, and no head dimension is given",
            ])
    }

    @Test("extreme numbers are refused, not trapped on")
    func extremes() {
        #expect(throws: ModelConfigError.self) {
            try ModelConfig(
                layers: .max, width: .max, heads: .min, keyValueHeads: .min,
                headDimension: .max, feedForward: .max, vocabulary: .max)
        }
        #expect(throws: ModelConfigError.self) {
            try ModelConfig(layers: 1, width: 4, heads: 4, feedForward: 4, vocabulary: 4)
        }
    }

    @Test("presets are models, and fields of a run file replace theirs")
    func presets() throws {
        for name in ModelConfig.presetNames { #expect(ModelConfig(preset: name) != nil) }
        var section = ModelSection(.preset("20m"))
        section.layers = 3
        let model = try ModelConfig(section, vocabulary: 500)
        #expect(model.layers == 3)
        #expect(model.width == 384)
        #expect(model.vocabulary == 500)
        section.vocabulary = 400
        let small = #expect(throws: ConfigError.self) {
            try ModelConfig(section, vocabulary: 500)
        }
        #expect(
            small?.description
                == "model.vocabulary: 400 tokens cannot hold the data's vocabulary of 500. Use at least 500, or prepare the data with the model's tokenizer."
        )
        let unknown = #expect(throws: ConfigError.self) {
            try ModelConfig(ModelSection(.preset("20M")), vocabulary: 500)
        }
        #expect(
            unknown?.description
                == "model.preset: there is no preset \"20M\". Use one of tiny, 10m, 20m, 125m, 1.1b, 3b, 7b."
        )
    }

    @Test("an initial value depends on the seed and the parameter's name only")
    func initialization() throws {
        let model = try #require(ModelConfig(preset: "tiny"))
        let query = try #require(model.parameters.first { $0.name.contains("2.self_attn.q") })
        let values = model.initialValue(of: query, seed: 3).elements(as: Float.self)
        let deeper = try ModelConfig(
            layers: 9, width: 64, heads: 4, keyValueHeads: 2, feedForward: 96, vocabulary: 1000)
        #expect(deeper.initialValue(of: query, seed: 3).elements(as: Float.self) == values)
        #expect(model.initialValue(of: query, seed: 4).elements(as: Float.self) != values)
        let key = try #require(model.parameters.first { $0.name.contains("3.self_attn.q") })
        #expect(model.initialValue(of: key, seed: 3).elements(as: Float.self) != values)
        let norm = try #require(model.parameters.first { $0.name == "model.norm.weight" })
        #expect(
            model.initialValue(of: norm, seed: 3).elements(as: Float.self)
                == [Float](repeating: 1, count: 64))
    }

    @Test("matrices start normal with the initializer range as deviation")
    func distribution() throws {
        let model = try ModelConfig(
            layers: 1, width: 256, heads: 2, feedForward: 8, vocabulary: 1000,
            initializerRange: 0.5)
        let values = model.initialValue(of: model.parameters[0], seed: 1)
            .elements(as: Float.self).map(Double.init)
        let n = Double(values.count)
        let mean = values.reduce(0, +) / n
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / n
        let kurtosis =
            values.reduce(0) { $0 + Foundation.pow($1 - mean, 4) } / n / (variance * variance)
        // Six standard errors of each estimate.
        #expect(abs(mean) < 6 * 0.5 / n.squareRoot())
        #expect(abs(variance / 0.25 - 1) < 6 * (2 / n).squareRoot())
        #expect(abs(kurtosis - 3) < 6 * (24 / n).squareRoot())
    }
}
