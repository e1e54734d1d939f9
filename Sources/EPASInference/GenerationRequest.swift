package import EPASModel

/// What to continue, with which layers sharing, and how.
package struct GenerationRequest: Sendable {
    /// At least one token, each below the model's vocabulary.
    package var prompt: [Int32]
    /// Which layers reuse the activations of which, for this request alone.
    package var plan: SharingPlan
    package var sampler: Sampler
    /// The most tokens to add; 0 only reads the prompt.
    package var maximumTokens: Int
    /// Tokens that end the text without being part of it.
    package var stopTokens: Set<Int32>
    /// Scores every new token, with this many of the most likely tokens beside it; `nil` does not.
    package var alternatives: Int?
    /// The same for the prompt's tokens.
    package var promptAlternatives: Int?

    package init(
        prompt: [Int32], plan: SharingPlan, sampler: Sampler, maximumTokens: Int,
        stopTokens: Set<Int32> = [], alternatives: Int? = nil, promptAlternatives: Int? = nil
    ) {
        self.prompt = prompt
        self.plan = plan
        self.sampler = sampler
        self.maximumTokens = maximumTokens
        self.stopTokens = stopTokens
        self.alternatives = alternatives
        self.promptAlternatives = promptAlternatives
    }
}

/// A token and how likely the model found it.
package struct TokenScore: Hashable, Sendable {
    package struct Candidate: Hashable, Sendable {
        package let token: Int32
        /// Natural logarithm of the probability under the model, before sampling settings; finite.
        package let logProbability: Float

        package init(token: Int32, logProbability: Float) {
            self.token = token
            self.logProbability = logProbability
        }
    }

    package let chosen: Candidate
    /// The most likely tokens, most likely first, equally likely ones by token; where the chosen
    /// token is among them it has the same value.
    package let alternatives: [Candidate]

    package init(chosen: Candidate, alternatives: [Candidate]) {
        self.chosen = chosen
        self.alternatives = alternatives
    }
}

/// What becomes known while a request runs, in this order: the prompt's scores where they were
/// asked for, each token, the end.
package enum GenerationEvent: Sendable {
    /// One entry per prompt token; the first token has nothing before it and so no score.
    case prompt([TokenScore?])
    /// A new token, scored where that was asked for.
    case token(Int32, TokenScore?)
    /// The request is done; nothing follows.
    case finished(GenerationSummary)
}

/// How a request went.
package struct GenerationSummary: Hashable, Sendable {
    package enum Reason: Hashable, Sendable {
        /// A stop token, which is not among the request's tokens, and its score where asked for.
        case stop(Int32, TokenScore?)
        /// The request's own limit, or the model's longest sequence.
        case length
    }

    package let reason: Reason
    package let promptTokens: Int
    /// Prompt tokens whose keys and values an earlier request had left.
    package let cachedTokens: Int
    package let newTokens: Int
    /// Seconds until the request got a slot, from then to its first token, and from its first to
    /// its last token.
    package let queuedSeconds: Double
    package let promptSeconds: Double
    package let decodeSeconds: Double

    package init(
        reason: Reason, promptTokens: Int, cachedTokens: Int, newTokens: Int,
        queuedSeconds: Double, promptSeconds: Double, decodeSeconds: Double
    ) {
        self.reason = reason
        self.promptTokens = promptTokens
        self.cachedTokens = cachedTokens
        self.newTokens = newTokens
        self.queuedSeconds = queuedSeconds
        self.promptSeconds = promptSeconds
        self.decodeSeconds = decodeSeconds
    }
}
