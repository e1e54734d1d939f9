/// The shape of a LLaMA model: everything that fixes its parameters and its function.
///
/// A value is always usable: ``init(layers:width:heads:keyValueHeads:headDimension:feedForward:vocabulary:ropeTheta:rotaryScaling:normEpsilon:tiedEmbeddings:attentionBias:feedForwardBias:maximumSequence:initializerRange:)``
/// refuses what cannot be a model.
package struct ModelConfig: Hashable, Sendable {
    /// Decoder layers, L.
    package let layers: Int
    /// Width of the residual stream, D.
    package let width: Int
    /// Query heads, N.
    package let heads: Int
    /// Key and value heads, K; divides ``heads``.
    package let keyValueHeads: Int
    /// Width of one head, H; even, because rotary embedding turns pairs.
    package let headDimension: Int
    /// Inner width of the feed-forward block, F.
    package let feedForward: Int
    /// Tokens, V.
    package let vocabulary: Int
    /// Base of the rotary embedding's wavelengths.
    package let ropeTheta: Double
    /// How the rotary embedding's frequencies are changed for longer sequences.
    package let rotaryScaling: RotaryScaling
    /// Added to the mean square in RMSNorm.
    package let normEpsilon: Double
    /// Whether the output projection is the embedding table.
    package let tiedEmbeddings: Bool
    /// Whether the four projections of attention have biases.
    package let attentionBias: Bool
    /// Whether the three projections of the feed-forward block have biases.
    package let feedForwardBias: Bool
    /// Longest sequence that the model is meant for, in tokens; recorded, not enforced.
    package let maximumSequence: Int
    /// Standard deviation of the initial weights.
    package let initializerRange: Double

    /// The largest dimension accepted: keeps every product of three dimensions inside `Int`.
    package static let largestDimension = 1 << 20

    /// - Throws: ``ModelConfigError`` naming every dimension that cannot be used.
    package init(
        layers: Int, width: Int, heads: Int, keyValueHeads: Int? = nil, headDimension: Int? = nil,
        feedForward: Int, vocabulary: Int, ropeTheta: Double = 10_000,
        rotaryScaling: RotaryScaling = .none, normEpsilon: Double = 1e-5,
        tiedEmbeddings: Bool = false, attentionBias: Bool = false, feedForwardBias: Bool = false,
        maximumSequence: Int = 2048, initializerRange: Double = 0.02
    ) throws(ModelConfigError) {
        var problems: [String] = []
        func check(_ condition: Bool, _ problem: String) {
            if !condition { problems.append(problem) }
        }
        let keyValueHeads = keyValueHeads ?? heads
        for (name, value) in [
            ("layers", layers), ("width", width), ("heads", heads),
            ("key-value heads", keyValueHeads), ("feed-forward width", feedForward),
            ("vocabulary", vocabulary), ("maximum sequence", maximumSequence),
        ] {
            check(
                (1...Self.largestDimension).contains(value)
                    || name == "maximum sequence" && value > 0,
                "\(name) is \(value), outside 1 to \(Self.largestDimension)")
        }
        if heads > 0, keyValueHeads > 0 {
            check(
                heads.isMultiple(of: keyValueHeads),
                "\(heads) heads are not a multiple of \(keyValueHeads) key-value heads")
        }
        var headDimension = headDimension ?? 0
        if headDimension == 0, heads > 0 {
            check(
                width.isMultiple(of: heads),
                "width \(width) is not a multiple of \(heads) heads, and no head dimension is given"
            )
            headDimension = width / heads
        }
        check(
            (2...Self.largestDimension).contains(headDimension) && headDimension.isMultiple(of: 2),
            "head dimension is \(headDimension), but rotary embedding needs an even number")
        check(ropeTheta.isFinite && ropeTheta > 0, "rotary base \(ropeTheta) is not positive")
        problems += rotaryScaling.problems
        check(normEpsilon.isFinite && normEpsilon >= 0, "norm epsilon \(normEpsilon) is negative")
        check(
            initializerRange.isFinite && initializerRange >= 0,
            "initializer range \(initializerRange) is negative")
        guard problems.isEmpty else { throw ModelConfigError(problems: problems) }

        self.layers = layers
        self.width = width
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.headDimension = headDimension
        self.feedForward = feedForward
        self.vocabulary = vocabulary
        self.ropeTheta = ropeTheta
        self.rotaryScaling = rotaryScaling
        self.normEpsilon = normEpsilon
        self.tiedEmbeddings = tiedEmbeddings
        self.attentionBias = attentionBias
        self.feedForwardBias = feedForwardBias
        self.maximumSequence = maximumSequence
        self.initializerRange = initializerRange
    }
}

/// Dimensions that cannot make a model.
package struct ModelConfigError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One clause per problem.
    package let problems: [String]

    package var description: String {
        "The model's shape cannot be used: \(problems.joined(separator: "; ")). Change these values."
    }
}
