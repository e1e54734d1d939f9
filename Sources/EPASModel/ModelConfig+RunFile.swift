package import EPASConfig

extension ModelConfig {
    /// Makes the shape that a run file's `model` section describes.
    ///
    /// - Parameters:
    ///   - section: A preset or single fields; a folder has its own shape, given as `folder`.
    ///   - folder: The shape of the checkpoint that `model.from` names.
    ///   - vocabulary: The tokenizer's vocabulary, which a model has unless the section says more.
    /// - Throws: ``ConfigError`` for an unknown preset, a vocabulary that lacks tokens, and
    ///   dimensions that cannot be a model.
    package init(
        _ section: ModelSection, folder: ModelConfig? = nil, vocabulary: Int
    ) throws(ConfigError) {
        let base: ModelConfig?
        switch section.base {
        case .preset(let name):
            guard let preset = ModelConfig(preset: name) else {
                throw ConfigError(
                    "model.preset", "there is no preset \"\(name)\"",
                    remedy: "Use one of \(Self.presetNames.joined(separator: ", ")).")
            }
            base = preset
        case .folder: base = folder
        case .fields: base = nil
        }
        func value<Value>(
            _ own: Value?, _ inherited: KeyPath<ModelConfig, Value>, or fallback: Value
        ) -> Value {
            own ?? base?[keyPath: inherited] ?? fallback
        }
        let heads = value(section.heads, \.heads, or: 0)
        // A preset's key-value heads and head dimension belong to its own heads and width.
        let keepsHeads = section.heads == nil && section.width == nil
        let isFolder = folder != nil
        do throws(ModelConfigError) {
            try self.init(
                layers: value(section.layers, \.layers, or: 0),
                width: value(section.width, \.width, or: 0), heads: heads,
                keyValueHeads: section.keyValueHeads ?? (keepsHeads ? base?.keyValueHeads : nil),
                headDimension: section.headDimension ?? (keepsHeads ? base?.headDimension : nil),
                feedForward: value(section.feedForward, \.feedForward, or: 0),
                vocabulary: section.vocabulary ?? (isFolder ? base?.vocabulary : nil) ?? vocabulary,
                ropeTheta: value(section.ropeTheta, \.ropeTheta, or: 10_000),
                // Only a folder can have what no run file names.
                rotaryScaling: base?.rotaryScaling ?? .none,
                normEpsilon: value(section.normEpsilon, \.normEpsilon, or: 1e-5),
                tiedEmbeddings: value(section.tiedEmbeddings, \.tiedEmbeddings, or: false),
                attentionBias: base?.attentionBias ?? false,
                feedForwardBias: base?.feedForwardBias ?? false,
                maximumSequence: value(section.maximumSequence, \.maximumSequence, or: 2048),
                initializerRange: value(section.initializerRange, \.initializerRange, or: 0.02))
        } catch {
            throw ConfigError(
                "model", error.problems.joined(separator: "; "), remedy: "Change these values.")
        }
        guard self.vocabulary >= vocabulary else {
            throw ConfigError(
                "model.vocabulary",
                "\(self.vocabulary) tokens cannot hold the data's vocabulary of \(vocabulary)",
                remedy:
                    "Use at least \(vocabulary), or prepare the data with the model's tokenizer.")
        }
    }
}
