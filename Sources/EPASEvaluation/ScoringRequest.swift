/// Tokens to run through a model, and the tokens whose probability is asked for: the last
/// `targets.count` positions of the input predict them, in order.
struct ScoringRequest: Hashable {
    let input: [Int32]
    /// At least one, at most as many as the input.
    let targets: [Int32]
}

/// What a model says of a request's targets.
struct Score: Hashable {
    /// Sum of the targets' log-probabilities, nats.
    var logProbability = 0.0
    /// Whether each target was the most likely token.
    var isGreedy = true
}
