// `config.json` of a Hugging Face folder with a LLaMA model.
//
// Read as LlamaConfig of transformers 4.46 and 5.23 read it, except that a file on which the two
// disagree is refused. Written so that both read the same: the rotary embedding and the element
// type in both spellings. Deliberately missing: rotary embeddings other than default, linear and
// llama3, quantization, other models.

package import EPASArray
import EPASJSON
package import EPASModel
package import Foundation

/// What `config.json` says of a model.
package struct HuggingFaceConfig: Hashable, Sendable {
    package static let fileName = "config.json"

    package var model: ModelConfig
    /// Token ids; every one is inside the vocabulary.
    package var beginningOfSequence: Int?
    package var endOfSequence: [Int]
    package var padding: Int?
    /// The type that the weights are said to have; each tensor has its own.
    package var elementType: ElementType?
    package var sharing: PublishedSharing?
    /// Whether the folder has ``ModelingCode``; not read from a file.
    package var hasModelingCode = false

    package init(
        _ model: ModelConfig, beginningOfSequence: Int? = nil, endOfSequence: [Int] = [],
        padding: Int? = nil, elementType: ElementType? = .float32,
        sharing: PublishedSharing? = nil
    ) {
        self.model = model
        self.beginningOfSequence = beginningOfSequence
        self.endOfSequence = endOfSequence
        self.padding = padding
        self.elementType = elementType
        self.sharing = sharing
    }
}

extension HuggingFaceConfig {
    /// Describes a model trained by a schedule; one without sharing says nothing of it.
    package init(_ model: ModelConfig, sharing schedule: SharingSchedule) {
        let count = schedule.target.count
        let sharing = PublishedSharing(
            kind: schedule.kind.rawValue, layers: count, maximumLayers: count,
            share: schedule.finalPlan.text(layers: model.layers),
            hasFixedSources: schedule.sources != nil)
        self.init(model, sharing: count == 0 ? nil : sharing)
    }
}

// Reading.
extension HuggingFaceConfig {
    /// Reads the shape of the model in a folder; see ``init(in:)``.
    package static func model(in folder: URL) throws(CheckpointError) -> ModelConfig {
        try HuggingFaceConfig(in: folder).model
    }

    /// Reads the `config.json` of a folder.
    ///
    /// - Throws: ``CheckpointError`` naming everything that is malformed or that we cannot honour.
    package init(in folder: URL) throws(CheckpointError) {
        let url = folder.appendingPathComponent(Self.fileName)
        var reader = ConfigReader(try JSONValue.load(url))
        let parsed = Self.read(&reader)
        guard let parsed, reader.problems.isEmpty else {
            throw CheckpointError(
                url.path, reader.problems,
                remedy: "Use a LLaMA model in its plain form, or correct the file.")
        }
        self = parsed
    }

    private static func read(_ reader: inout ConfigReader) -> HuggingFaceConfig? {
        guard reader.isObject else { return nil }
        refuseUnsupported(&reader)
        let heads = reader.requiredInteger("num_attention_heads")
        let width = reader.requiredInteger("hidden_size")
        let layers = reader.requiredInteger("num_hidden_layers")
        let feedForward = reader.requiredInteger("intermediate_size")
        let vocabulary = reader.requiredInteger("vocab_size")
        let keyValueHeads = reader.integer("num_key_value_heads")
        let headDimension = reader.integer("head_dim")
        // Defaults of LlamaConfig.
        let epsilon = reader.number("rms_norm_eps") ?? 1e-6
        let isTied = reader.boolean("tie_word_embeddings") ?? false
        let longest = reader.integer("max_position_embeddings") ?? 2048
        let range = reader.number("initializer_range") ?? 0.02
        let rotary = rotary(&reader, longest: longest)
        let attentionBias = reader.boolean("attention_bias") ?? false
        let feedForwardBias = reader.boolean("mlp_bias") ?? false
        let sharing = sharing(&reader)
        let type = elementType(&reader)
        guard let heads, let width, let layers, let feedForward, let vocabulary else { return nil }
        let begin = reader.tokens("bos_token_id", vocabulary: vocabulary)
        let end = reader.tokens("eos_token_id", vocabulary: vocabulary)
        // LLaMA's first release has -1 for none.
        let padding =
            reader.value["pad_token_id"]?.integer == -1
            ? [] : reader.tokens("pad_token_id", vocabulary: vocabulary)
        if let sharing, sharing.maximumLayers >= layers {
            reader.problems.append(
                "epas_max_sharing_layers is \(sharing.maximumLayers), but of \(layers) layers at most "
                    + "\(layers - 1) can share")
        }
        do throws(ModelConfigError) {
            let model = try ModelConfig(
                layers: layers, width: width, heads: heads, keyValueHeads: keyValueHeads,
                headDimension: headDimension, feedForward: feedForward, vocabulary: vocabulary,
                ropeTheta: rotary.base, rotaryScaling: rotary.scaling, normEpsilon: epsilon,
                tiedEmbeddings: isTied, attentionBias: attentionBias,
                feedForwardBias: feedForwardBias, maximumSequence: longest, initializerRange: range)
            return HuggingFaceConfig(
                model, beginningOfSequence: begin.first, endOfSequence: end,
                padding: padding.first, elementType: type, sharing: sharing)
        } catch {
            reader.problems += error.problems
            return nil
        }
    }

    /// Names everything that would make our function another than the file's.
    private static func refuseUnsupported(_ reader: inout ConfigReader) {
        let type = reader.text("model_type")
        if type != "llama" {
            reader.problems.append(
                type.map { "model_type is \"\(shown($0))\", not llama" } ?? "model_type is missing")
        }
        if let architectures = reader.given("architectures") {
            guard case .array(let names) = architectures,
                names.contains(where: { $0.string == "LlamaForCausalLM" })
            else {
                reader.refuse("architectures", architectures, "does not have LlamaForCausalLM")
                return
            }
        }
        if let activation = reader.text("hidden_act"), activation != "silu" {
            reader.problems.append(
                "hidden_act \"\(shown(activation))\" is not supported, only silu")
        }
        if let dropout = reader.number("attention_dropout"), dropout != 0 {
            reader.problems.append("attention_dropout is not supported")
        }
        for key in ["sliding_window", "quantization_config"] where reader.given(key) != nil {
            reader.problems.append("\(key) is not supported")
        }
        if let kinds = reader.given("layer_types") {
            guard case .array(let names) = kinds,
                names.allSatisfy({ $0.string == "full_attention" })
            else {
                reader.problems.append("layer_types other than full_attention are not supported")
                return
            }
        }
    }

    private static func elementType(_ reader: inout ConfigReader) -> ElementType? {
        // Either spelling; the newer one wins.
        guard let name = reader.text("dtype") ?? reader.text("torch_dtype") else { return nil }
        let bare = name.hasPrefix("torch.") ? String(name.dropFirst(6)) : name
        if bare == "auto" { return nil }
        guard let type = ElementType(rawValue: bare), type.isFloatingPoint else {
            reader.problems.append("dtype \"\(shown(name))\" is not supported")
            return nil
        }
        return type
    }

    private static func sharing(_ reader: inout ConfigReader) -> PublishedSharing? {
        guard let kind = reader.text("epas_shared_activations") else { return nil }
        let maximum = reader.integer("epas_max_sharing_layers") ?? 0
        let layers = reader.integer("epas_sharing_layers") ?? 0
        let share = reader.text("epas_share")
        if !["qk", "kv", "scores"].contains(kind) {
            reader.problems.append(
                "epas_shared_activations \"\(shown(kind))\" is not qk, kv or scores")
        }
        if layers < 0 || layers > maximum {
            reader.problems.append(
                "epas_sharing_layers is \(layers), outside 0 to epas_max_sharing_layers, \(maximum)"
            )
        }
        return PublishedSharing(
            kind: kind, layers: layers, maximumLayers: maximum, share: share,
            hasFixedSources: reader.boolean("epas_fixed_sources") ?? false)
    }
}

// Writing.
extension HuggingFaceConfig {
    /// No token id, one, or a list.
    static func tokens(_ ids: [Int?]) -> JSONValue {
        let ids = ids.compactMap { $0.map { JSONValue.integer($0) } }
        return ids.count > 1 ? .array(ids) : ids.first ?? .null
    }

    /// The file's text; the same configuration always gives the same text.
    package var json: String {
        let type: JSONValue = elementType.map { .string($0.rawValue) } ?? .null
        var entries: [(String, JSONValue)] = [
            ("architectures", .array([.string("LlamaForCausalLM")])),
            ("model_type", .string("llama")), ("vocab_size", .integer(model.vocabulary)),
            ("hidden_size", .integer(model.width)),
            ("intermediate_size", .integer(model.feedForward)),
            ("num_hidden_layers", .integer(model.layers)),
            ("num_attention_heads", .integer(model.heads)),
            ("num_key_value_heads", .integer(model.keyValueHeads)),
            ("head_dim", .integer(model.headDimension)), ("hidden_act", .string("silu")),
            ("max_position_embeddings", .integer(model.maximumSequence)),
            ("initializer_range", .double(model.initializerRange)),
            ("rms_norm_eps", .double(model.normEpsilon)),
            ("tie_word_embeddings", .boolean(model.tiedEmbeddings)),
            ("attention_bias", .boolean(model.attentionBias)), ("attention_dropout", .double(0)),
            ("mlp_bias", .boolean(model.feedForwardBias)),
        ]
        entries += rotaryEntries
        entries += [
            ("torch_dtype", type), ("dtype", type),
            ("bos_token_id", Self.tokens([beginningOfSequence])),
            ("eos_token_id", Self.tokens(endOfSequence)),
            ("pad_token_id", Self.tokens([padding])),
        ]
        if let sharing {
            entries += [
                ("epas_shared_activations", .string(sharing.kind)),
                ("epas_sharing_layers", .integer(sharing.layers)),
                ("epas_max_sharing_layers", .integer(sharing.maximumLayers)),
            ]
            if let share = sharing.share { entries.append(("epas_share", .string(share))) }
            if sharing.hasFixedSources { entries.append(("epas_fixed_sources", .boolean(true))) }
        }
        if hasModelingCode { entries.append(("auto_map", ModelingCode.autoMap)) }
        return JSONValue.object(entries).indentedText
    }
}
