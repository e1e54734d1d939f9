import EPASModel

/// A request on its way through the engine.
final class EngineSequence {
    let id: UInt64
    let request: GenerationRequest
    /// The plan by which the request's programs run.
    let plan: SharingPlan
    /// The numbers of the plan's planes, as the prefix cache knows them.
    let planes: [Int]
    let events: AsyncThrowingStream<GenerationEvent, any Error>.Continuation

    /// The prompt and what was generated.
    var tokens: [Int32]
    /// Tokens whose keys and values are in the cache, from the start.
    var processed = 0
    /// The blocks of each plane, in the order of ``planes``; all planes have equally many.
    var blocks: [[Int32]]
    /// Digests of the full blocks that have been made known.
    var digests: [TokenDigest] = []
    /// Prompt tokens that were found in the cache.
    var cachedTokens = 0
    /// The prompt's scores so far; the first token has none.
    var promptScores: [TokenScore?] = [nil]
    var promptIsReported = false

    let submitted: ContinuousClock.Instant
    var started: ContinuousClock.Instant?
    var firstToken: ContinuousClock.Instant?

    init(
        id: UInt64, request: GenerationRequest, planes: [Int],
        events: AsyncThrowingStream<GenerationEvent, any Error>.Continuation,
        submitted: ContinuousClock.Instant
    ) {
        self.id = id
        self.request = request
        self.planes = planes
        self.events = events
        self.submitted = submitted
        plan = request.plan.asExecuted
        tokens = request.prompt
        blocks = Array(repeating: [], count: planes.count)
    }

    var newTokens: Int { tokens.count - request.prompt.count }

    /// Whether the prompt's scores are still being collected.
    var isScoring: Bool {
        request.promptAlternatives != nil && promptScores.count < request.prompt.count
    }

    /// Tokens that go through the cache before the next one can be chosen: all but the last, whose
    /// logits choose it.
    var pendingTokens: Int { tokens.count - 1 - processed }

    /// Whether the next program run chooses a token.
    var isReadyToDecode: Bool { pendingTokens == 0 }
}
