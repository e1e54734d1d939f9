import Foundation
import Testing

/// A model folder that cannot be used, and the sentence that says so.
struct BadModelFolder: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let spoil: @Sendable (inout ModelFiles) -> Void
    /// `FOLDER` stands for the folder's path.
    let message: String

    init(
        _ name: String, _ spoil: @escaping @Sendable (inout ModelFiles) -> Void,
        says message: String
    ) {
        testDescription = name
        self.spoil = spoil
        self.message = message
    }

    /// One with other values in `config.json`.
    init(_ name: String, config: [String: String], says message: String) {
        self.init(name, { $0.config.merge(config) { $1 } }, says: message)
    }

    /// One with another text in place of a file.
    init(_ name: String, file: String, text: String, says message: String) {
        self.init(
            name,
            finishing: { folder in
                let place = folder.appending(path: file)
                try? FileManager.default.removeItem(at: place)
                try Data(text.utf8).write(to: place)
            }, says: message)
    }

    /// One in which a file is replaced by what shell text makes of `"$0"`.
    init(_ name: String, file: String, script: String, says message: String) {
        self.init(
            name,
            finishing: { folder in
                let shell = Process()
                shell.executableURL = URL(filePath: "/bin/sh")
                shell.arguments = [
                    "-c", "rm -f \"$0\" && \(script)", folder.appending(path: file).path,
                ]
                try shell.run()
                shell.waitUntilExit()
            }, says: message)
    }

    /// One that is changed once it is written.
    private init(
        _ name: String, finishing finish: @escaping @Sendable (URL) throws -> Void,
        says message: String
    ) {
        self.init(name, { $0.finish = finish }, says: message)
    }

    /// One in which the file's name belongs to something else, which shell text makes.
    static func irregular(_ name: String, file: String, script: String) -> BadModelFolder {
        BadModelFolder(
            name, file: file, script: script,
            says: "FOLDER/\(file): it is not a regular file. Put a file in its place.")
    }
}

@Suite("bad model folders")
struct BadModelFolderTests {
    /// Kilobytes of address space: many times what a folder of 5 KB needs, far less than it may
    /// claim to hold.
    private static let memory = 4_000_000

    private func generate(_ files: ModelFiles) throws -> (Program.Result, path: String) {
        let folder = TestFolder.shared.appending(path: "bad model \(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try files.write(to: folder)
        let result = try Program(
            ["generate", folder.path, "--prompt", "ab", "--max-tokens", "2"],
            limit: "-v \(Self.memory) && ulimit -t 20"
        ).result()
        return (result, folder.path)
    }

    @Test func theSameFolderUnspoiledIsUsed() throws {
        for isSplit in [false, true] {
            var files = ModelFiles()
            if isSplit { files.split() }
            let folder = TestFolder.shared.appending(path: "good model \(isSplit)")
            try files.write(to: folder)
            let result = try Program.run(
                ["generate", folder.path, "--prompt", "ab", "--max-tokens", "2"])
            #expect(result.errors == "")
            #expect(result.status == 0)
        }
    }

    @Test("one sentence, and nothing worse", arguments: configs + weights + shards + tokenizers)
    func refused(folder: BadModelFolder) throws {
        var files = ModelFiles()
        folder.spoil(&files)
        let (result, path) = try generate(files)
        #expect(result.status == 1)
        #expect(result.output == "")
        #expect(
            result.errors.replacingOccurrences(of: path, with: "FOLDER")
                == "Error: \(folder.message)\n")
    }

    // MARK: What to do

    private static let copy = "Correct the file, or copy or download it again."
    private static let copyFile = "Copy or download the file again."
    private static let copyFolder = "Copy or download the folder again."
    private static let correct =
        "Use a LLaMA model in its plain form, or correct the file."
    private static let belong =
        "Use the weights that belong to this configuration."
    private static let does =
        "Give the tokenizer.json of a BPE tokenizer that does without."
    private static let give =
        "Give a folder that holds a tokenizer, or the file of one."

    // MARK: config.json

    static let configs: [BadModelFolder] = [
        BadModelFolder(
            "empty config.json", file: "config.json", text: "",
            says: "FOLDER/config.json: not JSON: a number is expected (at byte 0). \(copy)"),
        BadModelFolder(
            "array root", file: "config.json", text: "[]",
            says: "FOLDER/config.json: it is not an object. \(correct)"),
        BadModelFolder(
            "deep nesting", file: "config.json",
            text: "{\"a\":" + String(repeating: "[", count: 100_000),
            says: "FOLDER/config.json: not JSON: the nesting is too deep (at byte 69). "
                + copy),
        BadModelFolder(
            "cut off", file: "config.json", text: "{\"model_type\": \"lla",
            says: "FOLDER/config.json: not JSON: a string has no end (at byte 19). "
                + copy),
        BadModelFolder(
            "a key twice", file: "config.json",
            text: "{\"model_type\": \"llama\", \"model_type\": \"llama\"}",
            says: #"FOLDER/config.json: not JSON: key "model_type" is written twice (at byte "#
                + "37). \(copy)"),
        BadModelFolder(
            "no config.json", file: "config.json", script: "true",
            says: "FOLDER holds neither a model (config.json) nor a run's checkpoints. Name a "
                + "checkpoint or run folder."),
        .irregular(
            "config.json is a folder", file: "config.json", script: "mkdir \"$0\""),
        .irregular(
            "config.json is a pipe", file: "config.json", script: "mkfifo \"$0\""),
        BadModelFolder(
            "config.json is a link to itself", file: "config.json",
            script: "ln -s config.json \"$0\"",
            says: "FOLDER/config.json: cannot be opened: Too many levels of symbolic links. "
                + "Check the disk and the path."),
        .irregular(
            "config.json without end", file: "config.json", script: "ln -s /dev/zero \"$0\""),
        BadModelFolder(
            "2^31 layers", config: ["num_hidden_layers": "2147483648"],
            says: "FOLDER/config.json: layers is 2147483648, outside 1 to 1048576. "
                + correct),
        BadModelFolder(
            "2^63 layers", config: ["num_hidden_layers": "9223372036854775808"],
            says: "FOLDER/config.json: num_hidden_layers 9223372036854775808 is not a whole "
                + "number. \(correct)"),
        BadModelFolder(
            "more layers than tensors", config: ["num_hidden_layers": "1048576"],
            says: "FOLDER: config.json says 1048576 layers, but there are only 21 tensors. "
                + belong),
        BadModelFolder(
            "a width of 1e400", config: ["hidden_size": "1e400"],
            says: "FOLDER/config.json: hidden_size 1e400 is not a whole number. "
                + correct),
        BadModelFolder(
            "a negative vocabulary", config: ["vocab_size": "-12"],
            says: "FOLDER/config.json: vocabulary is -12, outside 1 to 1048576. "
                + correct),
        BadModelFolder(
            "heads that do not divide the width",
            config: ["num_attention_heads": "3", "num_key_value_heads": "3"],
            says: "FOLDER/config.json: width 8 is not a multiple of 3 heads, and no head "
                + "dimension is given. \(correct)"),
        BadModelFolder(
            "key-value heads that do not divide the heads", config: ["num_key_value_heads": "3"],
            says: "FOLDER/config.json: 4 heads are not a multiple of 3 key-value heads. "
                + correct),
        BadModelFolder(
            "no layers", config: ["num_hidden_layers": "0"],
            says: "FOLDER/config.json: layers is 0, outside 1 to 1048576. \(correct)"),
        BadModelFolder(
            "no heads", config: ["num_attention_heads": "0"],
            says: "FOLDER/config.json: heads is 0, outside 1 to 1048576; head dimension is 0, "
                + "but rotary embedding needs an even number. \(correct)"),
        BadModelFolder(
            "an odd head dimension", config: ["head_dim": "3"],
            says: "FOLDER/config.json: head dimension is 3, but rotary embedding needs an even "
                + "number. \(correct)"),
        BadModelFolder(
            "an infinite rotary base", config: ["rope_theta": "1e400"],
            says: "FOLDER/config.json: rope_theta 1e400 is not a number. \(correct)"),
        BadModelFolder(
            "a rotary factor of 0",
            config: ["rope_scaling": #"{"rope_type": "linear", "factor": 0}"#],
            says: "FOLDER/config.json: rotary factor 0.0 is not positive. \(correct)"),
        BadModelFolder(
            "a negative rotary factor",
            config: ["rope_scaling": #"{"rope_type": "linear", "factor": -2.0}"#],
            says: "FOLDER/config.json: rotary factor -2.0 is not positive. \(correct)"),
        BadModelFolder(
            "a rotary factor that is not a number",
            config: ["rope_parameters": #"{"rope_type": "linear", "factor": "NaN"}"#],
            says: #"FOLDER/config.json: rope_parameters.factor "NaN" is not a number. "#
                + correct),
        BadModelFolder(
            "a rotary factor of NaN, which is no JSON", file: "config.json",
            text: #"{"rope_parameters": {"rope_type": "linear", "factor": NaN}}"#,
            says: "FOLDER/config.json: not JSON: a number is expected (at byte 54). "
                + copy),
        BadModelFolder(
            "no rotary factor", config: ["rope_parameters": #"{"rope_type": "llama3"}"#],
            says: "FOLDER/config.json: rope_parameters.factor is missing; "
                + "rope_parameters.low_freq_factor is missing; "
                + "rope_parameters.high_freq_factor is missing. \(correct)"),
        BadModelFolder(
            "an unknown rotary type",
            config: ["rope_scaling": #"{"rope_type": "yarn", "factor": 2.0}"#],
            says: #"FOLDER/config.json: rope_scaling.rope_type "yarn" is not supported, only "#
                + "default, linear and llama3. \(correct)"),
        BadModelFolder(
            "two spellings of the rotary embedding that differ",
            config: ["rope_theta": "10000.0", "rope_parameters": #"{"rope_theta": 500000.0}"#],
            says: "FOLDER/config.json: rope_theta is 10000.0, but rope_parameters.rope_theta "
                + "is 500000.0, and programs differ in which they take. \(correct)"),
        BadModelFolder(
            "another activation", config: ["hidden_act": "\"gelu\""],
            says: #"FOLDER/config.json: hidden_act "gelu" is not supported, only silu. "#
                + correct),
        BadModelFolder(
            "another model", config: ["model_type": "\"mistral\""],
            says: #"FOLDER/config.json: model_type is "mistral", not llama. \#(correct)"#),
        BadModelFolder(
            "quantized weights", config: ["quantization_config": #"{"quant_method": "gptq"}"#],
            says: "FOLDER/config.json: quantization_config is not supported. \(correct)"),
        BadModelFolder(
            "a sliding window", config: ["sliding_window": "4096"],
            says: "FOLDER/config.json: sliding_window is not supported. \(correct)"),
        BadModelFolder(
            "end tokens that are none", config: ["eos_token_id": "[5, -1, \"x\", [2]]"],
            says: "FOLDER/config.json: eos_token_id -1 is not a token of the vocabulary; "
                + #"eos_token_id "x" is not a token of the vocabulary; eos_token_id [2] is not "#
                + "a token of the vocabulary. \(correct)"),
        BadModelFolder(
            "more sharing layers than there are",
            config: [
                "epas_shared_activations": "\"qk\"", "epas_sharing_layers": "1",
                "epas_max_sharing_layers": "2",
            ],
            says: "FOLDER/config.json: epas_max_sharing_layers is 2, but of 2 layers at most 1 "
                + "can share. \(correct)"),
        BadModelFolder(
            "several mistakes at once",
            config: ["hidden_act": "\"relu\"", "head_dim": "5", "rms_norm_eps": "-1"],
            says: #"FOLDER/config.json: hidden_act "relu" is not supported, only silu; head "#
                + "dimension is 5, but rotary embedding needs an even number; norm epsilon "
                + "-1.0 is negative. \(correct)"),
    ]

    // MARK: Weights

    static let weights: [BadModelFolder] = [
        BadModelFolder(
            "no weights", { $0.weights = [:] },
            says: "FOLDER: there is no model.safetensors and no model.safetensors.index.json. "
                + "Name a folder with a model's weights in safetensors files."),
        BadModelFolder(
            "pickled weights only",
            {
                $0.weights = [:]
                $0.texts["pytorch_model.bin"] = "PK"
            },
            says: "FOLDER: there is no model.safetensors and no model.safetensors.index.json. "
                + "Name a folder with a model's weights in safetensors files."),
        .irregular(
            "model.safetensors is a folder", file: "model.safetensors", script: "mkdir \"$0\""),
        BadModelFolder(
            "model.safetensors is a link to itself", file: "model.safetensors",
            script: "ln -s model.safetensors \"$0\"",
            says: "FOLDER/model.safetensors: cannot be opened: Too many levels of symbolic "
                + "links. Check the disk and the path."),
        BadModelFolder(
            "model.safetensors is a link to a file that is gone", file: "model.safetensors",
            script: "ln -s ../blobs/gone \"$0\"",
            says: "FOLDER/model.safetensors: cannot be opened: No such file or directory. "
                + "Check the path."),
        BadModelFolder(
            "an empty model.safetensors", file: "model.safetensors", text: "",
            says: "FOLDER/model.safetensors: not a safetensors file: 0 bytes are too few. "
                + copyFile),
        BadModelFolder(
            "a pointer of Git LFS in place of the weights", file: "model.safetensors",
            text: "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n",
            says: "FOLDER/model.safetensors: it is a pointer of Git LFS and not the file "
                + "itself. Run `git lfs pull` in its folder, or download the file."),
        BadModelFolder(
            "a page in place of the weights", file: "model.safetensors",
            text: "<!DOCTYPE html>",
            says: "FOLDER/model.safetensors: not a safetensors file: a header of "
                + "5789751444030890300 bytes is out of range. \(copyFile)"),
        BadModelFolder(
            "cut-off weights", { $0["model.norm.weight"]?.byteCount = 0 },
            says: "FOLDER/model.safetensors: not a safetensors file: the tensors take 4768 "
                + "bytes, but 4736 follow the header (at byte 2006). \(copyFile)"),
        BadModelFolder(
            "a tensor of 4 TiB that the file does not have",
            { $0["model.embed_tokens.weight"] = .init(shape: [1 << 20, 1 << 20], byteCount: 0) },
            says: "FOLDER/model.safetensors: not a safetensors file: the tensors take "
                + "4398046515488 bytes, but 4384 follow the header (at byte 2372). "
                + copyFile),
        BadModelFolder(
            "a tensor of 2^64 bytes",
            { files in
                files.finish = { folder in
                    let sizes = #""shape":[4294967296,4294967296],"data_offsets":[0,0]"#
                    let header = Data("{\"a\":{\"dtype\":\"F32\",\(sizes)}}".utf8)
                    let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) }
                    try (length + header).write(to: folder.appending(path: ModelFiles.single))
                }
            },
            says: #"FOLDER/model.safetensors: not a safetensors file: the size of tensor "a" "#
                + "overflows or is no whole byte (at byte 81). \(copyFile)"),
        BadModelFolder(
            "a vocabulary that is not that of the embedding",
            { $0.config["vocab_size"] = "16" },
            says: #"FOLDER: "lm_head.weight" is F32[12, 8] instead of F32[16, 8]; "#
                + #""model.embed_tokens.weight" is F32[12, 8] instead of F32[16, 8]. "#
                + belong),
        BadModelFolder(
            "a wrong shape", { $0["model.layers.1.self_attn.k_proj.weight"]?.shape = [8, 4] },
            says: #"FOLDER: "model.layers.1.self_attn.k_proj.weight" is F32[8, 4] instead of "#
                + "F32[4, 8]. \(belong)"),
        BadModelFolder(
            "a tensor of whole numbers",
            { $0["model.norm.weight"] = .init(dtype: "I8", shape: [8]) },
            says: #"FOLDER: "model.norm.weight" is I8[8] instead of F32[8]. \#(belong)"#),
        BadModelFolder(
            "a tensor of eight-bit floating point",
            { $0["lm_head.weight"] = .init(dtype: "F8_E4M3", shape: [12, 8]) },
            says: #"FOLDER: "lm_head.weight" is F8_E4M3[12, 8] instead of F32[12, 8]. "#
                + belong),
        BadModelFolder(
            "missing, unexpected and misshapen tensors",
            {
                $0["model.norm.weight"] = nil
                $0["model.layers.0.mlp.up_proj.weight"] = nil
                $0["model.layers.2.mlp.up_proj.weight"] = .init(shape: [12, 8])
                $0["model.layers.0.self_attn.q_proj.weight"]?.shape = [8]
                $0["lm_head.weight"] = .init(dtype: "U8", shape: [8, 12])
            },
            says: #"FOLDER: tensors are missing: "model.layers.0.mlp.up_proj.weight", "#
                + #""model.norm.weight"; tensors are unexpected: "#
                + #""model.layers.2.mlp.up_proj.weight"; "lm_head.weight" is U8[8, 12] instead "#
                + #"of F32[12, 8]; "model.layers.0.self_attn.q_proj.weight" is F32[8] instead "#
                + "of F32[8, 8]. \(belong)"),
        BadModelFolder(
            "biases that are not there", config: ["attention_bias": "true"],
            says: #"FOLDER: tensors are missing: "model.layers.0.self_attn.k_proj.bias", "#
                + #""model.layers.0.self_attn.o_proj.bias", "#
                + #""model.layers.0.self_attn.q_proj.bias", "#
                + #""model.layers.0.self_attn.v_proj.bias", "#
                + #""model.layers.1.self_attn.k_proj.bias", "#
                + #""model.layers.1.self_attn.o_proj.bias", "#
                + #""model.layers.1.self_attn.q_proj.bias", "#
                + #""model.layers.1.self_attn.v_proj.bias". \#(belong)"#),
    ]

    // MARK: Several files

    static let shards: [BadModelFolder] = [
        BadModelFolder(
            "an index that leaves the folder",
            { $0.split { $0["model.norm.weight"] = "../model.safetensors" } },
            says: #"FOLDER/model.safetensors.index.json: tensor "model.norm.weight" is in "#
                + #""../model.safetensors", which is no safetensors file of the folder. "#
                + copyFolder),
        BadModelFolder(
            "an index with an absolute path",
            { $0.split { $0["model.norm.weight"] = "/etc/model.safetensors" } },
            says: #"FOLDER/model.safetensors.index.json: tensor "model.norm.weight" is in "#
                + #""/etc/model.safetensors", which is no safetensors file of the folder. "#
                + copyFolder),
        BadModelFolder(
            "an index without a map",
            {
                $0.split(); $0.texts[ModelFiles.index] = "{}"
            }, says: "FOLDER/model.safetensors.index.json: it has no weight_map. \(copyFolder)"),
        BadModelFolder(
            "an index that is cut off",
            {
                $0.split(); $0.texts[ModelFiles.index] = "{\"weight_map\""
            },
            says: "FOLDER/model.safetensors.index.json: not JSON: a colon is expected (at byte "
                + "13). \(copy)"),
        BadModelFolder(
            "a missing file",
            {
                $0.split(); $0.weights[ModelFiles.shard(2)] = nil
            },
            says: "FOLDER/model.safetensors.index.json: files that it names are missing: "
                + #""model-00002-of-00002.safetensors". \#(copyFolder)"#),
        BadModelFolder(
            "a file without one of its tensors",
            {
                $0.split(); $0.weights[ModelFiles.shard(1)]?["lm_head.weight"] = nil
            },
            says: "FOLDER/model.safetensors.index.json: model-00001-of-00002.safetensors lacks "
                + #""lm_head.weight". \#(copyFolder)"#),
        BadModelFolder(
            "a tensor in two files",
            {
                $0.split()
                $0.weights[ModelFiles.shard(2)]?["lm_head.weight"] = .init(shape: [12, 8])
            },
            says: "FOLDER/model.safetensors.index.json: model-00002-of-00002.safetensors has "
                + #""lm_head.weight", which it should not have. \#(copyFolder)"#),
        BadModelFolder(
            "a tensor that the index does not have",
            { $0.split { $0["lm_head.weight"] = nil } },
            says: "FOLDER/model.safetensors.index.json: model-00001-of-00002.safetensors has "
                + #""lm_head.weight", which it should not have. \#(copyFolder)"#),
        BadModelFolder(
            "a tensor that no file has",
            { $0.split { $0["x"] = ModelFiles.shard(1) } },
            says: "FOLDER/model.safetensors.index.json: model-00001-of-00002.safetensors lacks "
                + #""x". \#(copyFolder)"#),
    ]

    // MARK: Tokenizers

    private static func tokenizer(
        _ name: String, _ text: String, says message: String
    ) -> BadModelFolder {
        BadModelFolder(name, { $0.texts["tokenizer.json"] = text }, says: message)
    }

    static let tokenizers: [BadModelFolder] = [
        BadModelFolder(
            "no tokenizer", { $0.texts = [:] },
            says: "There is no readable tokenizer at FOLDER/tokenizer.model. Give a folder "
                + "that holds tokenizer.json or tokenizer.model, or such a file."),
        BadModelFolder(
            "a tokenizer larger than the model",
            {
                $0.texts["tokenizer.json"] = ModelFiles.tokenizer(
                    vocabulary: #""<unk>": 0, "a": 1, "b": 2, "ab": 12"#)
            },
            says: "The tokenizer has 13 tokens, but the model knows 12. Put the model's own "
                + "tokenizer into its folder."),
        tokenizer(
            "an empty tokenizer.json", "",
            says: "FOLDER/tokenizer.json is not JSON: an object is expected (at byte 0). "
                + copy),
        tokenizer(
            "a cut-off tokenizer.json", "{\"model\": {\"type\": \"BPE\", ",
            says: "FOLDER/tokenizer.json is not JSON: a key is expected (at byte 26). "
                + copy),
        tokenizer(
            "a deep tokenizer.json", "{\"model\": " + String(repeating: "{\"a\":", count: 50_000),
            says: "FOLDER/tokenizer.json is not JSON: there are too many values (at byte 95). "
                + copy),
        tokenizer(
            "a token id of 2^31", ModelFiles.tokenizer(vocabulary: #""<unk>": 0, "a": 2147483648"#),
            says: #"FOLDER/tokenizer.json cannot be used: the id of token "a" is not a whole "#
                + #"number from 0 to 4194303; merge 1 names "b", which is not in the "#
                + "vocabulary. \(does)"),
        tokenizer(
            "byte tokens that are no bytes",
            ModelFiles.tokenizer(vocabulary: #""<unk>": 0, "<0x-1>": -1, "<0x100>": 256.5"#),
            says: #"FOLDER/tokenizer.json cannot be used: the id of token "<0x-1>" is not a "#
                + #"whole number from 0 to 4194303; the id of token "<0x100>" is not a whole "#
                + #"number from 0 to 4194303; merge 1 names "a", which is not in the "#
                + "vocabulary. \(does)"),
        tokenizer(
            "a merge of tokens that are not there",
            ModelFiles.tokenizer(merges: #"["ab", "ab"], ["a", "c"]"#),
            says: #"FOLDER/tokenizer.json cannot be used: merge 1 names "abab", which is not in "#
                + #"the vocabulary; merge 2 names "c", which is not in the vocabulary. "#
                + does),
        tokenizer(
            "an added token twice",
            ModelFiles.tokenizer(
                added: ModelFiles.added(6, "<x>") + "," + ModelFiles.added(7, "<x>")),
            says: #"FOLDER/tokenizer.json cannot be used: added token "<x>" is given twice. "#
                + does),
        tokenizer(
            "added tokens that have each other's ids",
            ModelFiles.tokenizer(
                added: ModelFiles.added(5, "<s>") + "," + ModelFiles.added(4, "</s>")),
            says: #"FOLDER/tokenizer.json cannot be used: added token "<s>" has id 5, but 4 is "#
                + #"its place; added token "</s>" has id 4, but 5 is its place. \#(does)"#),
        tokenizer(
            "another type of tokenizer",
            #"{"version": "1.0", "model": {"type": "Unigram", "unk_id": 0, "vocab": [["a", 0.0]]}}"#,
            says: "FOLDER/tokenizer.json cannot be used: model.unk_id is unknown; model.vocab "
                + #"is not an object; model.type is "Unigram", not BPE. \#(does)"#),
        BadModelFolder(
            "tokenizer.json is a pipe", file: "tokenizer.json", script: "mkfifo \"$0\"",
            says: "There is no readable file at FOLDER/tokenizer.json. \(give)"),
        BadModelFolder(
            "tokenizer.json without end", file: "tokenizer.json",
            script: "ln -s /dev/zero \"$0\"",
            says: "There is no readable file at FOLDER/tokenizer.json. \(give)"),
        BadModelFolder(
            "tokenizer.json is a folder", file: "tokenizer.json", script: "mkdir \"$0\"",
            says: "There is no readable file at FOLDER/tokenizer.json. \(give)"),
        BadModelFolder(
            "tokenizer_config.json is a pipe", file: "tokenizer_config.json",
            script: "mkfifo \"$0\"",
            says: "There is no readable file at FOLDER/tokenizer_config.json. \(give)"),
        BadModelFolder(
            "tokenizer_config.json is no JSON", { $0.texts["tokenizer_config.json"] = "{" },
            says: "FOLDER/tokenizer_config.json is not JSON: a key is expected (at byte 1). "
                + copy),
        BadModelFolder(
            "an end token that the tokenizer does not have",
            { $0.texts["tokenizer_config.json"] = #"{"eos_token": "<|end|>"}"# },
            says: #"FOLDER/tokenizer_config.json names the token "<|end|>", which "#
                + "FOLDER/tokenizer.json does not have. Correct the name, or give both files "
                + "of one tokenizer."),
        BadModelFolder(
            "a tokenizer.model that is none",
            { $0.texts = ["tokenizer.model": "\u{1}\u{2}\u{3}"] },
            says: "FOLDER/tokenizer.model is not a SentencePiece model, or is damaged. Give "
                + "the tokenizer.model of a BPE tokenizer, or copy the file again."),
        BadModelFolder(
            "a tokenizer.model with a byte that is none",
            { $0.texts = ["tokenizer.model": "\n\u{9}\n\u{7}<unk>\u{18}"] },
            says: "FOLDER/tokenizer.model is not a SentencePiece model, or is damaged. Give "
                + "the tokenizer.model of a BPE tokenizer, or copy the file again."),
    ]
}
