import Foundation

/// The files of a small model folder that a test spoils before they are written.
struct ModelFiles {
    /// A tensor of zeros as a header lists it; the sizes may be lies.
    struct Tensor {
        var dtype = "F32"
        var shape: [Int]
        /// Bytes of data; what the shape takes by default.
        var byteCount: Int?
    }

    /// Keys of `config.json` with the JSON text of their values.
    var config: [String: String] = [
        "model_type": "\"llama\"", "hidden_size": "8", "intermediate_size": "12",
        "num_attention_heads": "4", "num_key_value_heads": "2", "num_hidden_layers": "2",
        "vocab_size": "12", "max_position_embeddings": "64", "eos_token_id": "5",
    ]
    /// The tensors of each safetensors file.
    var weights: [String: [String: Tensor]]
    /// Texts of other files.
    var texts: [String: String] = [
        "tokenizer.json": Self.tokenizer()
    ]
    /// Done in the written folder at last.
    var finish: (URL) throws -> Void = { _ in }

    static let single = "model.safetensors"
    static let index = "model.safetensors.index.json"

    init() {
        var tensors: [String: Tensor] = [
            "model.embed_tokens.weight": Tensor(shape: [12, 8]),
            "lm_head.weight": Tensor(shape: [12, 8]), "model.norm.weight": Tensor(shape: [8]),
        ]
        for layer in 0..<2 {
            for (name, shape) in [
                ("input_layernorm", [8]), ("post_attention_layernorm", [8]),
                ("self_attn.q_proj", [8, 8]), ("self_attn.k_proj", [4, 8]),
                ("self_attn.v_proj", [4, 8]), ("self_attn.o_proj", [8, 8]),
                ("mlp.gate_proj", [12, 8]), ("mlp.up_proj", [12, 8]), ("mlp.down_proj", [8, 12]),
            ] {
                tensors["model.layers.\(layer).\(name).weight"] = Tensor(shape: shape)
            }
        }
        weights = [Self.single: tensors]
    }

    /// A tensor of the only file.
    subscript(tensor: String) -> Tensor? {
        get { weights[Self.single]?[tensor] }
        set { weights[Self.single]?[tensor] = newValue }
    }

    /// A byte-pair tokenizer of six tokens, with what a test puts in its place.
    static func tokenizer(
        vocabulary: String = #""<unk>": 0, "a": 1, "b": 2, "ab": 3, "<s>": 4, "</s>": 5"#,
        merges: String = #"["a", "b"]"#, added: String = ""
    ) -> String {
        """
        {"version": "1.0", "added_tokens": [\(added)], "model": {"type": "BPE", \
        "unk_token": "<unk>", "vocab": {\(vocabulary)}, "merges": [\(merges)]}}
        """
    }

    static func added(_ id: Int, _ content: String) -> String {
        """
        {"id": \(id), "content": "\(content)", "single_word": false, "lstrip": false, \
        "rstrip": false, "normalized": false, "special": true}
        """
    }

    /// Moves the tensors into two files and an index, in which a test changes places.
    mutating func split(places change: (inout [String: String]) -> Void = { _ in }) {
        let names = weights[Self.single]!.keys.sorted()
        let files = [Self.shard(1), Self.shard(2)]
        var places: [String: String] = [:]
        for (number, name) in names.enumerated() {
            places[name] = files[number % 2]
            weights[files[number % 2], default: [:]][name] = weights[Self.single]![name]
        }
        weights[Self.single] = nil
        change(&places)
        let entries = places.map { "\"\($0)\": \"\($1)\"" }
        texts[Self.index] = "{\"weight_map\": {\(entries.joined(separator: ", "))}}"
    }

    static func shard(_ number: Int) -> String { "model-0000\(number)-of-00002.safetensors" }

    func write(to folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let entries = config.map { "\"\($0)\": \($1)" }
        try Data("{\(entries.joined(separator: ", "))}".utf8)
            .write(to: folder.appending(path: "config.json"))
        for (file, tensors) in weights {
            try Self.safetensors(tensors).write(to: folder.appending(path: file))
        }
        for (file, text) in texts {
            try Data(text.utf8).write(to: folder.appending(path: file))
        }
        try finish(folder)
    }

    static func safetensors(_ tensors: [String: Tensor]) -> Data {
        var entries: [String] = []
        var end = 0
        var byteCount = 0
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
            let size = tensor.shape.reduce(tensor.dtype == "F32" ? 4 : 1, *)
            entries.append(
                """
                "\(name)":{"dtype":"\(tensor.dtype)","shape":\(tensor.shape),\
                "data_offsets":[\(end),\(end + size)]}
                """)
            end += size
            byteCount += tensor.byteCount ?? size
        }
        let header = Data("{\(entries.joined(separator: ","))}".utf8)
        return withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) } + header
            + Data(count: byteCount)
    }
}
