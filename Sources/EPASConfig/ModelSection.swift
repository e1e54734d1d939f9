/// The `model` section: a base, and single fields that replace the base's.
package struct ModelSection: Sendable, Hashable {
    /// What the fields replace.
    package enum Base: Sendable, Hashable {
        /// A named model; the names are the model's room's.
        case preset(String)
        /// A folder with `config.json` and weights to start from; no field is replaced.
        case folder(String)
        /// Nothing: at least `layers`, `width`, `heads`, `feedForward` are given.
        case fields
    }

    package var base: Base
    package var layers: Int?
    package var width: Int?
    package var heads: Int?
    package var keyValueHeads: Int?
    package var headDimension: Int?
    package var feedForward: Int?
    /// Tokens; nil is the tokenizer's number.
    package var vocabulary: Int?
    package var ropeTheta: Double?
    package var normEpsilon: Double?
    package var tiedEmbeddings: Bool?
    /// Tokens.
    package var maximumSequence: Int?
    package var initializerRange: Double?

    package init(_ base: Base) {
        self.base = base
    }
}

extension ModelSection {
    private static let needed = ["layers", "width", "heads", "ffn"]

    init(_ reader: SectionReader) throws(ConfigError) {
        let preset = try reader.text("preset")
        let folder = try reader.text("from")
        switch (preset, folder) {
        case (.some, .some):
            throw reader.unusable(
                "from", "a model has either a preset or a folder to start from",
                remedy: "Remove model.preset or model.from.")
        case (let preset?, nil): base = .preset(preset)
        case (nil, let folder?): base = .folder(folder)
        case (nil, nil): base = .fields
        }
        layers = try reader.integer("layers")
        width = try reader.integer("width")
        heads = try reader.integer("heads")
        keyValueHeads = try reader.integer("kv_heads")
        headDimension = try reader.integer("head_dim")
        feedForward = try reader.integer("ffn")
        vocabulary = try reader.integer("vocabulary")
        ropeTheta = try reader.number("rope_theta")
        normEpsilon = try reader.number("norm_epsilon")
        tiedEmbeddings = try reader.boolean("tied")
        maximumSequence = try reader.integer("max_sequence")
        initializerRange = try reader.number("initializer_range")

        if case .folder = base,
            let name = RunFileKey.inside(reader.path).map(\.name)
                .first(where: { $0 != "from" && reader.has($0) })
        {
            throw reader.unusable(
                name, "cannot change the model that model.from fixes", remedy: "Remove it.")
        }
        if base == .fields, let missing = Self.needed.first(where: { !reader.has($0) }) {
            throw ConfigError(
                "model.\(missing)", "missing",
                remedy: "Write it, or a named model such as model: {preset: 20m}.")
        }
        // What holds between fields of a preset is checked where the presets are known.
        if let heads, let keyValueHeads, heads % keyValueHeads != 0 {
            throw reader.unusable(
                "kv_heads", "\(keyValueHeads) does not divide the \(heads) heads",
                remedy: "Use a divisor of \(heads).")
        }
        if let headDimension, headDimension % 2 != 0 {
            throw reader.unusable(
                "head_dim", "\(headDimension) is odd, and the rotary embedding turns pairs",
                remedy: "Use an even number.")
        }
    }

    var node: YAMLNode {
        var entries: [(String, YAMLNode?)] = []
        switch base {
        case .preset(let name): entries.append(("preset", .text(name)))
        case .folder(let path): entries.append(("from", .text(path)))
        case .fields: break
        }
        entries += [
            ("layers", layers.map { .number($0) }), ("width", width.map { .number($0) }),
            ("heads", heads.map { .number($0) }), ("kv_heads", keyValueHeads.map { .number($0) }),
            ("head_dim", headDimension.map { .number($0) }),
            ("ffn", feedForward.map { .number($0) }),
            ("vocabulary", vocabulary.map { .number($0) }),
            ("rope_theta", ropeTheta.map { .number($0) }),
            ("norm_epsilon", normEpsilon.map { .number($0) }),
            ("tied", tiedEmbeddings.map { .boolean($0) }),
            ("max_sequence", maximumSequence.map { .number($0) }),
            ("initializer_range", initializerRange.map { .number($0) }),
        ]
        return .mapping(entries)
    }
}
