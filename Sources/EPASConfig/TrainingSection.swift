/// The `training` section.
package struct TrainingSection: Sendable, Hashable {
    /// Precision of matrix products, or of moments; weights are always float32.
    package enum Precision: String, Sendable, Hashable, CaseIterable {
        case float32, bfloat16
    }

    /// Updates of the weights.
    package var steps: Int
    /// Sequences that one forward and backward pass sees.
    package var batch: Int
    /// Tokens per sequence.
    package var sequence: Int
    /// Batches whose gradients are averaged into one step.
    package var accumulation: Int
    package var precision: Precision
    package var seed: UInt64
    package var learningRate: LearningRateSection
    /// Decoupled, of matrices only.
    package var weightDecay: Double
    /// Largest norm of the whole gradient; nil does not clip.
    package var clip: Double?
    package var beta1: Double
    package var beta2: Double
    package var epsilon: Double
    /// Type in which AdamW's two moments are kept.
    package var moments: Precision
    package var rematerialization: Rematerialization
}

/// Which activations of a decoder layer the backward pass computes again instead of having them
/// kept from the forward pass. Results are the same; it trades time for memory.
package enum Rematerialization: String, Sendable, Hashable, CaseIterable {
    case none
    /// The norm, queries, keys and values, and where attention is no kernel, the probabilities.
    /// Kept of attention are its input and the mixed values.
    case attention
    /// Everything: only the layer's input is kept, and what other layers reuse.
    case layer
}

extension TrainingSection {
    init(_ reader: SectionReader) throws(ConfigError) {
        steps = try reader.required(reader.integer, "steps")
        batch = try reader.required(reader.integer, "batch")
        sequence = try reader.required(reader.integer, "sequence")
        accumulation = try reader.required(reader.integer, "accumulation")
        precision = Precision(rawValue: try reader.required(reader.choice, "precision"))!
        // The range begins at 0.
        seed = UInt64(try reader.required(reader.integer, "seed"))
        learningRate = try LearningRateSection(
            reader.section("learning_rate"), steps: steps)
        weightDecay = try reader.required(reader.number, "weight_decay")
        clip = try reader.number("clip")
        beta1 = try reader.required(reader.number, "beta1")
        beta2 = try reader.required(reader.number, "beta2")
        epsilon = try reader.required(reader.number, "epsilon")
        moments = Precision(rawValue: try reader.required(reader.choice, "moments"))!
        rematerialization = Rematerialization(
            rawValue: try reader.required(reader.choice, "rematerialization"))!
        // bfloat16 has steps of 1/256: a second moment that moves by less per step never moves.
        if moments == .bfloat16, beta2 > 0.99 {
            throw reader.unusable(
                "moments", "bfloat16 cannot follow a second moment with beta2 of \(beta2)",
                remedy: "Use float32, or a training.beta2 of at most 0.99.")
        }
    }

    var node: YAMLNode {
        .mapping([
            ("steps", .number(steps)), ("batch", .number(batch)), ("sequence", .number(sequence)),
            ("accumulation", .number(accumulation)), ("precision", .plain(precision.rawValue)),
            ("seed", .number(seed)), ("learning_rate", learningRate.node),
            ("weight_decay", .number(weightDecay)), ("clip", clip.map { .number($0) } ?? .null),
            ("beta1", .number(beta1)), ("beta2", .number(beta2)), ("epsilon", .number(epsilon)),
            ("moments", .plain(moments.rawValue)),
            ("rematerialization", .plain(rematerialization.rawValue)),
        ])
    }
}
