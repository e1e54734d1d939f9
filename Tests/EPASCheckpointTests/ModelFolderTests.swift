import EPASArray
import EPASCheckpoint
import EPASModel
import Foundation
import Testing

@Suite("Hugging Face folders")
struct ModelFolderTests {
    let folder: TemporaryFolder
    let model: ModelConfig

    init() throws {
        folder = try TemporaryFolder()
        model = try ModelConfig(
            layers: 2, width: 4, heads: 2, keyValueHeads: 1, feedForward: 6, vocabulary: 10)
    }

    /// A value of its own for every element of every parameter.
    private func arrays(_ model: ModelConfig, _ type: ElementType = .float32) -> [String: HostArray]
    {
        var arrays: [String: HostArray] = [:]
        for (index, parameter) in model.parameters.enumerated() {
            let values = (0..<parameter.elementCount).map { Float(index) + Float($0) / 256 }
            arrays[parameter.name] = HostArray(values, parameter.dimensions).converted(to: type)
        }
        return arrays
    }

    private func write(_ model: ModelConfig, _ arrays: [String: HostArray]) throws {
        try folder.write("config.json", HuggingFaceConfig(model).json)
        try SafetensorsWriter.write(arrays, to: folder("model.safetensors"))
    }

    private func problems() -> [String] {
        #expect(throws: CheckpointError.self) { try ModelFolder(folder.url) }?.problems ?? []
    }

    @Test("parameters come as float32", arguments: [ElementType.float32, .bfloat16, .float64])
    func opens(type: ElementType) throws {
        let arrays = arrays(model, type)
        try write(model, arrays)
        let opened = try ModelFolder(folder.url)
        #expect(opened.config == model)
        #expect(opened.description == HuggingFaceConfig(model))
        for parameter in model.parameters {
            let array = try opened.parameter(parameter)
            #expect(array.shape == parameter.shape(.float32))
            #expect(array.doubles() == arrays[parameter.name]?.doubles())
        }
    }

    @Test func everyMisfitIsNamedInOneError() throws {
        var arrays = arrays(model)
        arrays["model.norm.weight"] = nil
        arrays["lm_head.weight"] = nil
        arrays["model.layers.2.mlp.up_proj.weight"] = HostArray(Float(0))
        arrays["model.layers.0.self_attn.k_proj.weight"] = .zeros(Shape(.float32, [4, 2]))
        arrays["model.layers.1.input_layernorm.weight"] = .zeros(Shape(.int32, [4]))
        try write(model, arrays)
        let error = #expect(throws: CheckpointError.self) { try ModelFolder(folder.url) }
        #expect(error?.file == folder.url.path)
        #expect(error?.remedy == "Use the weights that belong to this configuration.")
        #expect(
            error?.problems == [
                #"tensors are missing: "lm_head.weight", "model.norm.weight""#,
                #"tensors are unexpected: "model.layers.2.mlp.up_proj.weight""#,
                #""model.layers.0.self_attn.k_proj.weight" is F32[4, 2] instead of F32[2, 4]"#,
                #""model.layers.1.input_layernorm.weight" is I32[4] instead of F32[4]"#,
            ])
    }

    @Test func everyMissingTensorIsNamedOfManyToo() throws {
        try write(model, ["x": HostArray(Float(0)), "y": HostArray(Float(0))])
        let names = model.parameters.map(\.name).sorted().map { "\"\($0)\"" }
        #expect(
            problems() == [
                "tensors are missing: \(names.joined(separator: ", "))",
                #"tensors are unexpected: "x", "y""#,
            ])
    }

    @Test func namesThatAFileMakesUpAreCut() throws {
        var tensors = arrays(model)
        for number in 0..<2050 { tensors["x\(number)"] = HostArray(Float(0)) }
        try write(model, tensors)
        #expect(problems().first?.hasSuffix("\"x997\" and 2 more") == true)
    }

    @Test func whatFollowsFromElsewhereIsPassedOver() throws {
        let tied = try ModelConfig(
            layers: 2, width: 4, heads: 2, feedForward: 6, vocabulary: 10, tiedEmbeddings: true)
        var arrays = arrays(tied)
        arrays["lm_head.weight"] = .zeros(Shape(.float32, [10, 4]))
        arrays["model.layers.0.self_attn.rotary_emb.inv_freq"] = .zeros(Shape(.float32, [1]))
        try write(tied, arrays)
        #expect(throws: Never.self) { try ModelFolder(folder.url) }
    }

    @Test func layersBeyondTheTensorsAreRefusedBeforeTheyAreListed() throws {
        try write(model, arrays(model))
        let text = HuggingFaceConfig(model).json
        try folder.write(
            "config.json",
            text.replacing("\"num_hidden_layers\": 2", with: "\"num_hidden_layers\": 1048576"))
        #expect(problems() == ["config.json says 1048576 layers, but there are only 21 tensors"])
    }

    @Test func aFolderWithoutWeightsOrConfig() throws {
        #expect(problems() == ["cannot be opened: No such file or directory"])
        try folder.write("config.json", HuggingFaceConfig(model).json)
        #expect(
            problems() == ["there is no model.safetensors and no model.safetensors.index.json"])
    }

    @Test(
        "the tokens that end a text",
        arguments: [
            (nil, [2, 3]), ("{}", [2, 3]), (#"{"eos_token_id": null}"#, [2, 3]),
            (#"{"eos_token_id": 4}"#, [4]), (#"{"eos_token_id": [5, 4]}"#, [5, 4]),
            (#"{"eos_token_id": [5, 10]}"#, [5]), (#"{"eos_token_id": []}"#, []),
        ] as [(String?, [Int])])
    func endOfSequence(generation: String?, expected: [Int]) throws {
        try write(model, arrays(model))
        try folder.write(
            "config.json", HuggingFaceConfig(model, endOfSequence: [2, 3]).json)
        if let generation { try folder.write("generation_config.json", generation) }
        let opened = try ModelFolder(folder.url)
        #expect(opened.endOfSequence == expected)
        #expect(opened.description.endOfSequence == [2, 3])
    }

    @Test(
        "settings of generation that cannot be read",
        arguments: [
            (
                #"{"eos_token_id": "</s>"}"#,
                #"eos_token_id "</s>" is not a token of the vocabulary"#
            ),
            (#"{"eos_token_id": [4, -1]}"#, "eos_token_id -1 is not a token of the vocabulary"),
            ("[]", "it is not an object"), ("{", "not JSON: a key is expected (at byte 1)"),
        ])
    func badGenerationConfig(text: String, problem: String) throws {
        try write(model, arrays(model))
        try folder.write("generation_config.json", text)
        let error = #expect(throws: CheckpointError.self) { try ModelFolder(folder.url) }
        #expect(error?.file == folder("generation_config.json").path)
        #expect(error?.problems == [problem])
    }

    // MARK: Several files

    private let first = "model-00001-of-00002.safetensors"
    private let second = "model-00002-of-00002.safetensors"

    /// Writes the weights as two files, and an index that `change` may change.
    private func writeShards(
        change: (inout [String: Any]) -> Void = { _ in }, drop: String? = nil, add: String? = nil
    ) throws {
        let arrays = arrays(model)
        try folder.write("config.json", HuggingFaceConfig(model).json)
        let names = arrays.keys.sorted()
        var map: [String: Any] = [:]
        var shards: [String: [String: HostArray]] = [first: [:], second: [:]]
        for (index, name) in names.enumerated() {
            let file = index % 2 == 0 ? first : second
            map[name] = file
            if name != drop { shards[file]?[name] = arrays[name] }
        }
        if let add { shards[first]?[add] = HostArray(Float(0)) }
        for (file, arrays) in shards { try SafetensorsWriter.write(arrays, to: folder(file)) }
        change(&map)
        let index: [String: Any] = ["metadata": ["total_size": 1], "weight_map": map]
        try folder.write(
            "model.safetensors.index.json", JSONSerialization.data(withJSONObject: index))
    }

    @Test func severalFilesReadAsOne() throws {
        try writeShards()
        let opened = try ModelFolder(folder.url)
        let arrays = arrays(model)
        for parameter in model.parameters {
            #expect(
                try opened.parameter(parameter).doubles() == arrays[parameter.name]?.doubles())
        }
    }

    @Test(
        "an index names files of its folder only",
        arguments: [
            "../\("model-00001-of-00002.safetensors")", "/etc/passwd", "a/b.safetensors", "..",
            "", ".safetensors", "weights.bin", "a\\b.safetensors", "a\u{0}.safetensors",
        ])
    func indexPaths(path: String) throws {
        try writeShards { $0["model.norm.weight"] = path }
        let text = problems().first
        #expect(text?.hasPrefix("tensor \"model.norm.weight\" is in \"") == true, "\(text ?? "")")
        #expect(text?.hasSuffix("which is no safetensors file of the folder") == true)
    }

    @Test func anIndexAndItsFilesMustAgree() throws {
        try writeShards(drop: "lm_head.weight", add: "x")
        #expect(
            problems() == [
                #"\#(first) lacks "lm_head.weight""#,
                #"\#(first) has "x", which it should not have"#,
            ])
        try writeShards { $0["lm_head.weight"] = 7 }
        #expect(
            problems() == [
                #"tensor "lm_head.weight" is in 7, which is no safetensors file of the folder"#
            ])
        try writeShards { $0["lm_head.weight"] = self.second }
        #expect(
            problems() == [
                #"\#(first) has "lm_head.weight", which it should not have"#,
                #"\#(second) lacks "lm_head.weight""#,
            ])
        try writeShards { $0["lm_head.weight"] = nil }
        #expect(problems() == [#"\#(first) has "lm_head.weight", which it should not have"#])
        try FileManager.default.removeItem(at: folder(second))
        #expect(problems() == [#"files that it names are missing: "\#(second)""#])
        try folder.write("model.safetensors.index.json", "{}")
        #expect(problems() == ["it has no weight_map"])
        try folder.write("model.safetensors.index.json", "{")
        #expect(problems() == ["not JSON: a key is expected (at byte 1)"])
    }

    @Test func exactTypesAreAskedForWhereNothingIsConverted() throws {
        let url = folder("a.safetensors")
        try SafetensorsWriter.write(["a": HostArray([BFloat16(1)], [1])], to: url)
        let file = try SafetensorsFile(url)
        #expect(throws: Never.self) {
            try checkTensors(file, expected: ["a": Shape(.float32, [1])], converting: true)
            try checkTensors(file, expected: ["a": Shape(.bfloat16, [1])])
        }
        let error = #expect(throws: CheckpointError.self) {
            try checkTensors(file, expected: ["a": Shape(.float32, [1])])
        }
        #expect(
            error?.description
                == """
                \(url.path): "a" is BF16[1] instead of F32[1]. \
                Use the weights that belong to this configuration.
                """)
        let many = Dictionary(
            uniqueKeysWithValues: (0..<12).map { ("t\($0)", HostArray(Float(0))) })
        try SafetensorsWriter.write(many, to: url)
        #expect(
            #expect(throws: CheckpointError.self) {
                try checkTensors(
                    SafetensorsFile(url), expected: many.mapValues { _ in Shape(.float32, [1]) })
            }?.problems == many.keys.sorted().map { "\"\($0)\" is F32[] instead of F32[1]" })
    }
}
