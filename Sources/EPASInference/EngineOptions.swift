import EPASArray
import EPASModel

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

extension EngineOptions {
    /// The number of blocks in the cache.
    ///
    /// - Throws: ``EngineError`` for options that cannot work.
    func blockCount(
        _ model: ModelConfig, type: ElementType, longest: Int
    ) throws(EngineError) -> Int {
        func require(_ condition: Bool, _ sentence: @autoclosure () -> String) throws(EngineError) {
            guard condition else { throw .invalid(sentence()) }
        }
        try require((1...1024).contains(slots), "The slots are \(slots). Use 1 to 1024.")
        try require(queue >= 0, "The queue is \(queue). Use 0 or more.")
        try require(
            (1...4096).contains(promptChunk), "The prompt chunk is \(promptChunk). Use 1 to 4096.")
        try require(
            (2...1 << 24).contains(longest),
            "The longest sequence is \(longest) tokens. Use 2 to \(1 << 24).")
        // A request at full compute has the most planes.
        let planes = 2 * model.layers
        let whole = planes * longest.dividedRoundingUp(by: BlockPool.length)
        let bytes = model.cacheBlockBytes(type)
        guard let cacheBytes else { return max(whole, whole * slots / 2) }
        let count = cacheBytes / bytes
        try require(
            count >= planes,
            "The key-value cache has \(cacheBytes) bytes, but \(BlockPool.length) tokens take \(planes * bytes). Give it more."
        )
        return min(count, Int(Int32.max))
    }
}

extension ModelConfig {
    /// Bytes of one block of the cache.
    func cacheBlockBytes(_ type: ElementType) -> Int {
        keyValueHeads * BlockPool.length * headDimension * type.byteCount
    }
}
