/// How much an engine does at once.
package struct EngineOptions: Hashable, Sendable {
    /// Requests that run at once.
    package var slots = 16
    /// Requests that wait for a slot; one more is refused.
    package var queue = 256
    /// The longest sequence, prompt and new tokens together; `nil` is the model's longest.
    package var maximumSequence: Int?
    /// Memory of the key-value cache, bytes; `nil` is room for every slot at half of the longest
    /// sequence, and at least one whole sequence.
    package var cacheBytes: Int?
    /// Prompt tokens that one program run processes, 1 or more.
    package var promptChunk = 128
    /// Whether keys and values of finished requests are kept for prompts that start the same.
    package var reusesPrefixes = true

    package init() {}
}

/// A request that the engine refuses, or that failed.
package enum EngineError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The request cannot run: what is wrong and what to do.
    case invalid(String)
    /// Too many requests wait.
    case busy(waiting: Int)
    /// The engine takes no more requests.
    case stopped
    /// The device or the model failed.
    case failed(String)

    package var description: String {
        switch self {
        case .invalid(let sentence), .failed(let sentence): sentence
        case .busy(let waiting): "\(waiting) requests are waiting. Try again later."
        case .stopped: "The engine is shutting down. Send the request to another server."
        }
    }
}

/// What an engine is doing, and has done since it started.
package struct EngineStatistics: Hashable, Sendable {
    package var running = 0
    package var waiting = 0
    /// Blocks of the key-value cache: all, in use by running requests, kept for later prompts.
    package var blocks = 0
    package var usedBlocks = 0
    package var keptBlocks = 0
    /// Bytes of one block.
    package var blockBytes = 0
    package var finishedRequests = 0
    package var cancelledRequests = 0
    package var failedRequests = 0
    package var promptTokens = 0
    /// Of the prompt tokens, those that were already in the cache.
    package var cachedTokens = 0
    package var newTokens = 0
    /// Times that a running request gave its memory to an older one and started over.
    package var preemptions = 0
    /// Runs of the decode program, and the rows they had in sum.
    package var decodeRuns = 0
    package var decodeRows = 0

    package init() {}
}
