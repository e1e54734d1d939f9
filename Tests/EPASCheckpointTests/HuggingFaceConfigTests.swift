import EPASArray
import EPASCheckpoint
import EPASModel
import Foundation
import Testing

@Suite("config.json")
struct HuggingFaceConfigTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// The keys that have no default, and what a test adds.
    static func file(_ more: String = "", without key: String = "-") -> String {
        let needed = [
            (#""model_type": "llama""#), (#""hidden_size": 64"#), (#""intermediate_size": 96"#),
            (#""num_attention_heads": 4"#), (#""num_hidden_layers": 3"#), (#""vocab_size": 100"#),
        ]
        // A key that a test sets itself is left out above.
        let kept = needed.filter { entry in
            !entry.contains("\"\(key)\"") && !more.contains(entry.prefix { $0 != ":" } + ":")
        }
        return "{\((kept + (more.isEmpty ? [] : [more])).joined(separator: ", "))}"
    }

    private func read(_ text: String) throws -> HuggingFaceConfig {
        try folder.write("config.json", text)
        return try HuggingFaceConfig(in: folder.url)
    }

    private func problems(_ text: String) throws -> [String] {
        try folder.write("config.json", text)
        let error = #expect(throws: CheckpointError.self) { try HuggingFaceConfig(in: folder.url) }
        #expect(error?.file == folder("config.json").path)
        return error?.problems ?? []
    }

    @Test func defaultsAreThoseOfLlamaConfig() throws {
        let config = try read(Self.file())
        let model = try ModelConfig(
            layers: 3, width: 64, heads: 4, feedForward: 96, vocabulary: 100, ropeTheta: 10_000,
            normEpsilon: 1e-6, tiedEmbeddings: false, maximumSequence: 2048,
            initializerRange: 0.02)
        #expect(config == HuggingFaceConfig(model, elementType: nil))
        #expect(config.model.keyValueHeads == 4)
        #expect(config.model.headDimension == 16)
        #expect(try HuggingFaceConfig.model(in: folder.url) == model)
    }

    @Test("nulls are defaults")
    func nulls() throws {
        let keys = [
            "num_key_value_heads", "head_dim", "hidden_act", "rms_norm_eps", "tie_word_embeddings",
            "attention_bias", "mlp_bias", "attention_dropout", "sliding_window", "rope_theta",
            "quantization_config", "layer_types", "max_position_embeddings", "initializer_range",
            "rope_scaling", "rope_parameters", "dtype", "torch_dtype", "bos_token_id",
            "eos_token_id", "pad_token_id", "architectures", "epas_shared_activations",
        ]
        let nulls = keys.map { "\"\($0)\": null" }.joined(separator: ", ")
        #expect(try read(Self.file(nulls)) == read(Self.file()))
    }

    @Test(
        "values that are honoured",
        arguments: [
            (#""rope_theta": 500000"#, 500_000.0),
            (#""rope_theta": 5e5"#, 500_000),
            (#""rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}"#, 500_000),
            (#""rope_parameters": {"rope_theta": 7}"#, 7),
            (#""rope_theta": 9.0, "rope_scaling": {"type": "default"}"#, 9),
            (
                #""rope_theta": 9, "rope_parameters": {"rope_type": "default", "rope_theta": 9.0}"#,
                9
            ),
            (
                #"""
                "rope_scaling": {"rope_type": "default", "rope_theta": 8,
                                 "partial_rotary_factor": 1}
                """#, 8
            ),
        ])
    func rotaryBase(text: String, base: Double) throws {
        #expect(try read(Self.file(text)).model.ropeTheta == base)
    }

    @Test func everyOtherValue() throws {
        let config = try read(
            Self.file(
                #"""
                "architectures": ["LlamaForCausalLM"], "num_key_value_heads": 2, "head_dim": 8,
                "hidden_act": "silu", "rms_norm_eps": 1e-05, "tie_word_embeddings": true,
                "max_position_embeddings": 512, "initializer_range": 0.1, "torch_dtype": "float16",
                "dtype": "bfloat16", "bos_token_id": 1, "eos_token_id": [2, 3], "pad_token_id": -1,
                "attention_dropout": 0.0, "layer_types": ["full_attention"], "use_cache": true,
                "transformers_version": "5.23.0", "auto_map": {"AutoModelForCausalLM": "x.Y"},
                "epas_shared_activations": "qk", "epas_sharing_layers": 1,
                "epas_max_sharing_layers": 2, "epas_share": "qk:2"
                """#))
        let model = try ModelConfig(
            layers: 3, width: 64, heads: 4, keyValueHeads: 2, headDimension: 8, feedForward: 96,
            vocabulary: 100, normEpsilon: 1e-5, tiedEmbeddings: true, maximumSequence: 512,
            initializerRange: 0.1)
        #expect(
            config
                == HuggingFaceConfig(
                    model, beginningOfSequence: 1, endOfSequence: [2, 3], padding: nil,
                    elementType: .bfloat16,
                    sharing: PublishedSharing(
                        kind: "qk", layers: 1, maximumLayers: 2, share: "qk:2")))
    }

    static let refused: [(String, [String])] = [
        (#""model_type": "mistral""#, [#"model_type is "mistral", not llama"#]),
        (
            #""architectures": ["LlamaForSequenceClassification"]"#,
            [#"architectures ["LlamaForSequenceClassification"] does not have LlamaForCausalLM"#]
        ),
        (#""hidden_act": "gelu""#, [#"hidden_act "gelu" is not supported, only silu"#]),
        (#""attention_bias": 1"#, ["attention_bias 1 is not true or false"]),
        (#""attention_dropout": 0.1"#, ["attention_dropout is not supported"]),
        (#""sliding_window": 4096"#, ["sliding_window is not supported"]),
        (#""quantization_config": {}"#, ["quantization_config is not supported"]),
        (
            #""layer_types": ["sliding_attention"]"#,
            ["layer_types other than full_attention are not supported"]
        ),
        (
            #""rope_scaling": {"type": "dynamic", "factor": 2.0}"#,
            [
                #"rope_scaling.type "dynamic" is not supported, only default, linear and llama3"#
            ]
        ),
        (
            #""rope_parameters": {"rope_type": "yarn", "type": "linear"}"#,
            [
                #"rope_parameters.rope_type "yarn" is not supported, only default, linear "#
                    + "and llama3"
            ]
        ),
        (
            #""rope_scaling": {"rope_type": "llama3", "type": "linear", "factor": 2}"#,
            ["rope_scaling.rope_type is llama3, but type is linear"]
        ),
        (
            #""rope_parameters": {"rope_type": "llama3", "factor": "8"}"#,
            [
                #"rope_parameters.factor "8" is not a number"#,
                "rope_parameters.low_freq_factor is missing",
                "rope_parameters.high_freq_factor is missing",
            ]
        ),
        (#""rope_scaling": {"type": "linear"}"#, ["rope_scaling.factor is missing"]),
        (
            #""rope_scaling": {"type": "linear", "factor": 0}"#,
            ["rotary factor 0.0 is not positive"]
        ),
        (
            #"""
            "rope_scaling": {"rope_type": "llama3", "factor": -1, "low_freq_factor": 4,
                "high_freq_factor": 4, "original_max_position_embeddings": 0}
            """#,
            [
                "rotary factor -1.0 is not positive",
                "rotary high-frequency factor 4.0 is not above the low-frequency factor 4.0",
                "original sequence of rotary scaling 0 is below 1",
            ]
        ),
        (
            #""rope_scaling": {"type": "linear", "factor": 2}, "rope_parameters": {"factor": 2}"#,
            ["rope_scaling and rope_parameters differ, and programs differ in which they take"]
        ),
        (
            #""partial_rotary_factor": 0.25"#,
            ["partial_rotary_factor 0.25 is not supported, only 1"]
        ),
        (
            #""rope_parameters": {"partial_rotary_factor": 0.5}"#,
            ["rope_parameters.partial_rotary_factor 0.5 is not supported, only 1"]
        ),
        (
            #""rope_theta": 10000.0, "rope_parameters": {"rope_theta": 500000.0}"#,
            [
                "rope_theta is 10000.0, but rope_parameters.rope_theta is 500000.0, "
                    + "and programs differ in which they take"
            ]
        ),
        (#""rope_scaling": "linear""#, [#"rope_scaling "linear" is not an object"#]),
        (
            #""rope_parameters": {"rope_theta": "a"}"#,
            [#"rope_parameters.rope_theta "a" is not a number"#]
        ),
        (#""rope_theta": 0"#, ["rotary base 0.0 is not positive"]),
        (#""rope_theta": 1e999"#, ["rope_theta 1e999 is not a number"]),
        (#""hidden_size": 64.0"#, ["hidden_size 64.0 is not a whole number"]),
        (#""hidden_size": "64""#, [#"hidden_size "64" is not a whole number"#]),
        (#""hidden_size": [64]"#, ["hidden_size [64] is not a whole number"]),
        (#""hidden_size": null"#, ["hidden_size is missing"]),
        (#""hidden_size": true"#, ["hidden_size true is not a whole number"]),
        (
            #""vocab_size": 9223372036854775808"#,
            ["vocab_size 9223372036854775808 is not a whole number"]
        ),
        (
            #""num_hidden_layers": 2147483648"#,
            ["layers is 2147483648, outside 1 to 1048576"]
        ),
        (#""num_hidden_layers": -1"#, ["layers is -1, outside 1 to 1048576"]),
        (
            #""num_attention_heads": 0"#, ["heads is 0, outside 1 to 1048576"]
        ),
        (#""num_key_value_heads": 3"#, ["4 heads are not a multiple of 3 key-value heads"]),
        (
            #""num_attention_heads": 5"#,
            ["width 64 is not a multiple of 5 heads, and no head dimension is given"]
        ),
        (
            #""head_dim": 7"#, ["head dimension is 7, but rotary embedding needs an even number"]
        ),
        (#""rms_norm_eps": "x""#, [#"rms_norm_eps "x" is not a number"#]),
        (#""tie_word_embeddings": 1"#, ["tie_word_embeddings 1 is not true or false"]),
        (#""dtype": "float8_e4m3fn""#, [#"dtype "float8_e4m3fn" is not supported"#]),
        (#""dtype": 4"#, ["dtype 4 is not a text"]),
        (
            #""eos_token_id": [2, -1, "a"]"#,
            [
                "eos_token_id -1 is not a token of the vocabulary",
                #"eos_token_id "a" is not a token of the vocabulary"#,
            ]
        ),
        (
            #""epas_shared_activations": "vk", "epas_sharing_layers": 2"#,
            [
                #"epas_shared_activations "vk" is not qk, kv or scores"#,
                "epas_sharing_layers is 2, outside 0 to epas_max_sharing_layers, 0",
            ]
        ),
        (
            #""epas_shared_activations": "qk", "epas_max_sharing_layers": 3"#,
            ["epas_max_sharing_layers is 3, but of 3 layers at most 2 can share"]
        ),
        (
            #""sliding_window": 8, "hidden_act": "relu", "vocab_size": 1.5"#,
            [
                #"hidden_act "relu" is not supported, only silu"#,
                "sliding_window is not supported", "vocab_size 1.5 is not a whole number",
            ]
        ),
    ]

    @Test("refused by name", arguments: refused)
    func refuses(text: String, expected: [String]) throws {
        var found = try problems(Self.file(text))
        // What follows from a width or a number of heads that cannot be used is named as well.
        if expected.count == 1 { found = Array(found.prefix(1)) }
        #expect(found == expected)
    }

    @Test(
        "each needed key is asked for",
        arguments: [
            "model_type", "hidden_size", "intermediate_size", "num_attention_heads",
            "num_hidden_layers", "vocab_size",
        ])
    func missing(key: String) throws {
        #expect(try problems(Self.file(without: key)) == ["\(key) is missing"])
    }

    @Test(
        "no JSON, or no object",
        arguments: [
            ("", "not JSON: a number is expected (at byte 0)"),
            ("{", "not JSON: a key is expected (at byte 1)"),
            ("[]", "it is not an object"), ("7", "it is not an object"),
            (#"{"a": 1, "a": 2}"#, "not JSON: key \"a\" is written twice (at byte 13)"),
            (#"{"a": NaN}"#, "not JSON: a number is expected (at byte 6)"),
            (#"{"a": 1} x"#, "not JSON: nothing is expected after the value (at byte 9)"),
            (
                String(repeating: "[", count: 100_000),
                "not JSON: the nesting is too deep (at byte 65)"
            ),
        ])
    func malformed(text: String, problem: String) throws {
        #expect(try problems(text) == [problem])
    }

    @Test func anErrorReadsSo() throws {
        try folder.write("config.json", Self.file(#""sliding_window": 8, "head_dim": 3"#))
        let error = #expect(throws: CheckpointError.self) { try HuggingFaceConfig(in: folder.url) }
        #expect(
            error?.description
                == """
                \(folder("config.json").path): sliding_window is not supported; head dimension is 3, \
                but rotary embedding needs an even number. \
                Use a LLaMA model in its plain form, or correct the file.
                """)
    }

    @Test("what is written reads back", arguments: ModelConfig.presetNames)
    func roundTrip(preset: String) throws {
        let model = try #require(ModelConfig(preset: preset))
        for sharing in [nil, PublishedSharing(kind: "kv", layers: 0, maximumLayers: 2)] {
            for end in [[], [2], [2, 3]] {
                let config = HuggingFaceConfig(
                    model, beginningOfSequence: 1, endOfSequence: end, padding: 0,
                    elementType: .bfloat16, sharing: sharing)
                #expect(try read(config.json) == config)
            }
        }
    }

    @Test func aScheduleIsDescribed() throws {
        let model = try #require(ModelConfig(preset: "tiny"))
        let schedule = try SharingSchedule(.queryKey, target: 2..<4, interval: 10, layers: 4)
        #expect(
            HuggingFaceConfig(model, sharing: schedule).sharing
                == PublishedSharing(kind: "qk", layers: 2, maximumLayers: 2, share: "qk:2"))
        #expect(HuggingFaceConfig(model, sharing: .none(layers: 4)).sharing == nil)
    }

    @Test func theTextIsThis() throws {
        let model = try ModelConfig(
            layers: 2, width: 8, heads: 2, keyValueHeads: 1, feedForward: 16, vocabulary: 32)
        let config = HuggingFaceConfig(
            model, beginningOfSequence: 1, endOfSequence: [2],
            sharing: PublishedSharing(kind: "qk", layers: 1, maximumLayers: 1, share: "qk:1"))
        #expect(
            config.json == """
                {
                  "architectures": ["LlamaForCausalLM"],
                  "model_type": "llama",
                  "vocab_size": 32,
                  "hidden_size": 8,
                  "intermediate_size": 16,
                  "num_hidden_layers": 2,
                  "num_attention_heads": 2,
                  "num_key_value_heads": 1,
                  "head_dim": 4,
                  "hidden_act": "silu",
                  "max_position_embeddings": 2048,
                  "initializer_range": 0.02,
                  "rms_norm_eps": 1e-05,
                  "tie_word_embeddings": false,
                  "attention_bias": false,
                  "attention_dropout": 0.0,
                  "mlp_bias": false,
                  "rope_theta": 10000.0,
                  "rope_scaling": null,
                  "rope_parameters": {
                    "rope_type": "default",
                    "rope_theta": 10000.0
                  },
                  "torch_dtype": "float32",
                  "dtype": "float32",
                  "bos_token_id": 1,
                  "eos_token_id": 2,
                  "pad_token_id": null,
                  "epas_shared_activations": "qk",
                  "epas_sharing_layers": 1,
                  "epas_max_sharing_layers": 1,
                  "epas_share": "qk:1"
                }

                """)
    }

    @Test("an end token beyond the vocabulary is passed over")
    func endTokenBeyondTheVocabulary() throws {
        let folder = try TemporaryFolder()
        let config = """
            {"model_type": "llama", "hidden_size": 8, "intermediate_size": 8,
             "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 2,
             "eos_token_id": [1, 2, 128001]}
            """
        try Data(config.utf8).write(to: folder.url.appending(path: "config.json"))
        #expect(try HuggingFaceConfig(in: folder.url).endOfSequence == [1])
    }
}
