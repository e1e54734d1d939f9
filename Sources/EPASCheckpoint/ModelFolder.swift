package import EPASArray
package import EPASModel
package import Foundation

/// A Hugging Face folder with a LLaMA model: its configuration and its weights, which agree.
package struct ModelFolder: Sendable {
    package let url: URL
    /// The model's shape.
    package let config: ModelConfig
    /// Everything that `config.json` says.
    package let description: HuggingFaceConfig
    /// The tokens that end a text: those of `generation_config.json`, else of `config.json`.
    package let endOfSequence: [Int]
    private let weights: ModelWeights

    /// Files of a checkpoint that only its run reads, and that may be deleted after it.
    private static let unread: Set = ["optimizer.safetensors", "state.json"]

    /// Opens a folder and checks every tensor's name and shape. The files of a run's checkpoint
    /// are also compared with its manifest; otherwise the data is not read.
    ///
    /// - Throws: ``CheckpointError`` naming everything that does not fit.
    package init(_ url: URL) throws(CheckpointError) {
        self.url = url
        if CheckpointFolder.isCheckpoint(url) {
            _ = try CheckpointFolder(verifying: url) { !Self.unread.contains($0) }
        }
        description = try HuggingFaceConfig(in: url)
        endOfSequence =
            try GenerationConfig.endOfSequence(in: url, vocabulary: description.model.vocabulary)
            ?? description.endOfSequence
        weights = try ModelWeights(url)
        let model = description.model
        config = model
        guard model.layers <= weights.names.count else {
            throw CheckpointError(
                url.path,
                "config.json says \(model.layers) layers, but there are only "
                    + "\(weights.names.count) tensors",
                remedy: "Use the weights that belong to this configuration.")
        }
        var expected: [String: Shape] = [:]
        for parameter in model.parameters {
            expected[parameter.name] = parameter.shape(.float32)
        }
        try checkTensors(weights, expected: expected, converting: true) { name in
            // As in transformers: what follows from the configuration, or from another tensor,
            // is passed over where a file has it.
            name.hasSuffix(".rotary_emb.inv_freq")
                || name == "lm_head.weight" && model.tiedEmbeddings
        }
    }

    /// Returns a parameter as float32.
    package func parameter(
        _ specification: ParameterSpecification
    ) throws(CheckpointError) -> HostArray {
        try weights.array(specification.name).converted(to: .float32)
    }

    /// Returns a parameter in the type of its file, whose memory it borrows.
    package func stored(_ name: String) throws(CheckpointError) -> HostArray {
        try weights.array(name)
    }

    /// Gives back the memory that reading a parameter took; it can be read again.
    package func releasePages(of name: String) {
        weights.releasePages(of: name)
    }
}
