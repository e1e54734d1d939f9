import EPASJSON
import EPASModel
import Foundation
import Testing

@testable import EPASCheckpoint

struct RotaryConfigTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    static let llama3 = RotaryScaling.llama3(
        Llama3Scaling(
            factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalSequence: 8192))

    /// The rotary embedding of a file, as transformers 4.46, 5.x, or both write it.
    static let spellings: [(String, Double, RotaryScaling)] = [
        (#""rope_theta": 7.0, "rope_scaling": null"#, 7, .none),
        (
            #""rope_theta": 7, "rope_scaling": {"type": "linear", "factor": 2}"#, 7,
            .linear(factor: 2)
        ),
        (
            #""rope_theta": 7, "rope_scaling": {"rope_type": "linear", "factor": 2.5}"#, 7,
            .linear(factor: 2.5)
        ),
        (
            #""rope_parameters": {"rope_type": "linear", "rope_theta": 5e5, "factor": 4.0}"#,
            500_000, .linear(factor: 4)
        ),
        (
            #"""
            "rope_theta": 500000.0, "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
                "rope_type": "llama3"}
            """#, 500_000, llama3
        ),
        (
            #"""
            "rope_parameters": {"factor": 8.0, "low_freq_factor": 1, "high_freq_factor": 4,
                "original_max_position_embeddings": 8192, "rope_theta": 500000.0,
                "rope_type": "llama3"}
            """#, 500_000, llama3
        ),
        (
            // The length that transformers 5 takes where none is given.
            #"""
            "max_position_embeddings": 8192, "rope_parameters": {"factor": 8.0,
                "low_freq_factor": 1, "high_freq_factor": 4, "rope_type": "llama3"}
            """#, 10_000, llama3
        ),
        (
            #"""
            "rope_theta": 9, "rope_scaling": {"type": "linear", "factor": 2},
            "rope_parameters": {"rope_type": "linear", "rope_theta": 9.0, "factor": 2.0}
            """#, 9, .linear(factor: 2)
        ),
    ]

    @Test("every spelling", arguments: spellings)
    func reads(text: String, base: Double, scaling: RotaryScaling) throws {
        try folder.write("config.json", HuggingFaceConfigTests.file(text))
        let model = try HuggingFaceConfig.model(in: folder.url)
        #expect(model.ropeTheta == base)
        #expect(model.rotaryScaling == scaling)
    }

    @Test(
        "what is written reads back, from either spelling alone",
        arguments: [RotaryScaling.none, .linear(factor: 3.5), llama3])
    func roundTrip(scaling: RotaryScaling) throws {
        let model = try ModelConfig(
            layers: 2, width: 8, heads: 2, feedForward: 16, vocabulary: 32, ropeTheta: 500_000,
            rotaryScaling: scaling, attentionBias: true, feedForwardBias: true)
        let config = HuggingFaceConfig(model)
        let whole = try JSONValue(text: config.json)
        for dropped in [[], ["rope_parameters"], ["rope_scaling", "rope_theta"]] {
            let entries = try #require(whole.entries)
            let rest = JSONValue.object(entries.filter { !dropped.contains($0.0) })
            try folder.write("config.json", rest.indentedText)
            #expect(try HuggingFaceConfig(in: folder.url) == config)
        }
    }
}

extension JSONValue {
    var entries: [(String, JSONValue)]? {
        if case .object(let entries) = self { entries } else { nil }
    }

    init(text: String) throws {
        self = try Data(text.utf8).withBytes { bytes throws(JSONScanner.Failure) in
            try JSONValue(bytes)
        }
    }
}
