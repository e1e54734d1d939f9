import EPASArray
import EPASConfig
import EPASJSON
import EPASModel
import Foundation
import Testing

@testable import EPASCheckpoint

@Suite("Export")
struct ModelExportTests {
    let folder: TemporaryFolder
    let model: ModelConfig

    init() throws {
        folder = try TemporaryFolder()
        model = try ModelConfig(
            layers: 3, width: 4, heads: 2, keyValueHeads: 1, feedForward: 6, vocabulary: 10,
            attentionBias: true)
        try FileManager.default.createDirectory(at: source, withIntermediateDirectories: true)
    }

    private var source: URL { folder("source") }
    private var output: URL { folder("output") }

    /// A model folder with values of its own for every element.
    private func write(
        _ type: ElementType = .float32, sharing: PublishedSharing? = nil
    ) throws -> ModelFolder {
        var arrays: [String: HostArray] = [:]
        for (index, parameter) in model.parameters.enumerated() {
            let values = (0..<parameter.elementCount).map { Float(index) / 8 - Float($0) / 1024 }
            arrays[parameter.name] = HostArray(values, parameter.dimensions).converted(to: type)
        }
        let config = HuggingFaceConfig(
            model, beginningOfSequence: 1, endOfSequence: [2, 3], elementType: type,
            sharing: sharing)
        try folder.write("source/config.json", config.json)
        try SafetensorsWriter.write(arrays, to: folder("source/model.safetensors"))
        return try ModelFolder(source)
    }

    private func text(_ name: String) throws -> String {
        try String(contentsOf: output.appending(path: name), encoding: .utf8)
    }

    private func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: output.path).sorted()
    }

    @Test("types are kept, in one file and in several", arguments: [1, 200, 1 << 20])
    func keepsEveryBit(shard: Int) throws {
        let original = try write(.bfloat16)
        let summary = try ModelExport(original, sharing: nil, shardByteCount: shard)
            .write(to: output)
        let copy = try ModelFolder(output)
        #expect(copy.description == original.description)
        for parameter in model.parameters {
            let (a, b) = (try original.stored(parameter.name), try copy.stored(parameter.name))
            #expect(a.shape == b.shape)
            #expect(a.withUnsafeBytes { Array($0) } == b.withUnsafeBytes { Array($0) })
        }
        #expect(summary.parameterCount == model.parameterCount)
        #expect(summary.byteCount == 2 * model.parameterCount)
        let files = try names().filter { $0.hasSuffix(".safetensors") }
        #expect(files == summary.files)
        if shard == 1 << 20 {
            #expect(
                try names() == ["config.json", "generation_config.json", "model.safetensors"])
        } else {
            // A tensor larger than the limit has a file to itself.
            let largest = try files.map { try SafetensorsFile(output.appending(path: $0)) }
                .filter { $0.names.count > 1 }
                .map { $0.entries.values.reduce(0) { $0 + $1.range.count } }.max()
            #expect(largest ?? 0 <= shard)
            #expect(shard > 1 || files.count == model.parameters.count)
            let count = String(files.count)
            let padded = String(repeating: "0", count: 5 - count.count) + count
            #expect(files[0] == "model-00001-of-\(padded).safetensors")
            let index = try JSONValue(text: text("model.safetensors.index.json"))
            #expect(index["metadata"]?["total_size"]?.integer == summary.byteCount)
            #expect(index["metadata"]?["total_parameters"]?.integer == model.parameterCount)
        }
    }

    @Test("--dtype", arguments: [ElementType.float16, .bfloat16, .float32])
    func converts(type: ElementType) throws {
        let original = try write(.float32)
        _ = try ModelExport(original, sharing: nil, elementType: type).write(to: output)
        let copy = try ModelFolder(output)
        #expect(copy.description.elementType == type)
        for parameter in model.parameters {
            let array = try copy.stored(parameter.name)
            #expect(array.shape == parameter.shape(type))
            #expect(
                try array.doubles()
                    == original.stored(parameter.name).converted(to: type).doubles())
        }
    }

    @Test func aSharingModelBringsItsCode() throws {
        let sharing = PublishedSharing(kind: "qk", layers: 1, maximumLayers: 2, share: "qk:2")
        _ = try ModelExport(write(), sharing: sharing).write(to: output)
        #expect(try ModelFolder(output).description.sharing == sharing)
        let config = try JSONValue(text: text("config.json"))
        #expect(
            config["auto_map"]?.compactText
                == #"{"AutoConfig":"modeling_epas_llama.EpasLlamaConfig","#
                + #""AutoModelForCausalLM":"modeling_epas_llama.EpasLlamaForCausalLM"}"#)
        #expect(try text("modeling_epas_llama.py").contains("class EpasLlamaForCausalLM("))
    }

    @Test func generationSettingsAreKeptOrMade() throws {
        let original = try write()
        _ = try ModelExport(original, sharing: nil).write(to: output)
        #expect(
            try JSONValue(text: text("generation_config.json")).compactText
                == #"{"_from_model_config":true,"bos_token_id":1,"eos_token_id":[2,3]}"#)
        try FileManager.default.removeItem(at: output)
        try folder.write("source/generation_config.json", #"{"temperature": 0.6}"#)
        _ = try ModelExport(original, sharing: nil).write(to: output)
        #expect(try text("generation_config.json") == #"{"temperature": 0.6}"#)
    }

    @Test func tokenizerFilesComeAlong() throws {
        let original = try write()
        try folder.write("source/tokenizer.model", "m")
        try folder.write("source/chat_template.jinja", "{{ x }}")
        let config =
            #"{"tokenizer_class": "LlamaTokenizer", "model_max_length": 1e30, "auto_map": {}}"#
        try folder.write("source/tokenizer_config.json", config)
        _ = try ModelExport(original, sharing: nil).write(to: output)
        #expect(try text("tokenizer.model") == "m")
        #expect(try text("chat_template.jinja") == "{{ x }}")
        #expect(try text("tokenizer_config.json") == config)
        // A tokenizer.json is obeyed by this class alone.
        try FileManager.default.removeItem(at: output)
        try folder.write("source/tokenizer.json", "{}")
        _ = try ModelExport(original, sharing: nil).write(to: output)
        #expect(
            try JSONValue(text: text("tokenizer_config.json")).compactText
                == #"{"model_max_length":1e30,"tokenizer_class":"PreTrainedTokenizerFast"}"#)
        try folder.write("source/tokenizer_config.json", "[]")
        try FileManager.default.removeItem(at: output)
        let error = #expect(throws: CheckpointError.self) {
            try ModelExport(original, sharing: nil).write(to: output)
        }
        #expect(error?.problems == ["it is not an object"])
        // Nothing is left of what failed.
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["source"])
    }

    @Test func placesThatAreTakenAreRefused() throws {
        let export = ModelExport(try write(), sharing: nil)
        for (place, problem) in [
            (source, "the folder is not empty"),
            (folder("source/config.json"), "it exists and is not a folder"),
        ] {
            let error = #expect(throws: CheckpointError.self) { try export.write(to: place) }
            #expect(error?.description == "\(place.path): \(problem). Name a new folder.")
        }
        try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
        _ = try export.write(to: output)
        _ = try export.write(to: folder("new/deeper"))
        #expect(try ModelFolder(folder("new/deeper")).config == model)
    }
}

@Suite("Published sharing")
struct PublishedSharingTests {
    /// A description, and its plans at every length as text.
    static let lengths: [(PublishedSharing, [String])] = [
        (PublishedSharing(kind: "qk", layers: 0, maximumLayers: 2), ["none", "qk:1", "qk:2"]),
        (
            PublishedSharing(kind: "kv", layers: 2, maximumLayers: 2, share: "kv:2<1,3<1"),
            ["none", "kv:3<2", "kv:2<1,3<1"]
        ),
        (
            PublishedSharing(
                kind: "kv", layers: 2, maximumLayers: 2, share: "kv:2<1,3<1", hasFixedSources: true),
            ["none", "kv:3<1", "kv:2<1,3<1"]
        ),
        (
            // Sources that are not the nearest are kept without being told to.
            PublishedSharing(kind: "qk", layers: 2, maximumLayers: 2, share: "qk:3<0,4<1"),
            ["none", "qk:4<1", "qk:3<0,4<1"]
        ),
    ]

    @Test("a plan of every length", arguments: lengths)
    func plans(sharing: PublishedSharing, expected: [String]) throws {
        let found = try (0...sharing.maximumLayers).map {
            try sharing.plan(sharing: $0, layers: 5).text(layers: 5)
        }
        #expect(found == expected)
    }

    @Test("what cannot be run is refused")
    func refused() throws {
        for (sharing, count, text) in [
            (
                PublishedSharing(kind: "qk", layers: 1, maximumLayers: 2), 3,
                "sharing: 3 layers cannot share in a model published for 2. Use 0 to 2."
            ),
            (
                PublishedSharing(kind: "qk", layers: 1, maximumLayers: 2, share: "qk:3"), 1,
                "epas_share: it has 3 layers, not 2. "
                    + "Correct epas_share or epas_max_sharing_layers in config.json."
            ),
        ] {
            let error = #expect(throws: ConfigError.self) {
                try sharing.plan(sharing: count, layers: 5)
            }
            #expect(error?.description == text)
        }
    }

    @Test("another default")
    func defaults() throws {
        let own = PublishedSharing(kind: "qk", layers: 3, maximumLayers: 3, share: "qk:3")
        func defaulting(_ text: String) throws -> PublishedSharing {
            try own.defaulting(to: SharingPlan(parsing: text, layers: 5), layers: 5)
        }
        for (text, layers) in [("none", 0), ("qk:2", 2), ("scores:1", 1), ("qk:3", 3)] {
            var expected = own
            expected.layers = layers
            #expect(try defaulting(text) == expected)
        }
        for (text, kind, count) in [("kv:2", "kv", 2), ("qk:4", "qk", 4), ("qk:3<1", "qk", 1)] {
            #expect(
                try defaulting(text)
                    == PublishedSharing(
                        kind: kind, layers: count, maximumLayers: count, share: text))
        }
    }
}
