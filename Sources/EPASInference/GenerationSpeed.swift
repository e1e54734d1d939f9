import EPASArray
package import EPASModel

/// How fast an engine reads prompts and makes new tokens.
package struct GenerationSpeed: Hashable, Sendable {
    /// New tokens a second of all sequences together, while all of them make some.
    package let tokensPerSecond: Double
    /// Prompt tokens a second, until every sequence has its first new token.
    package let promptTokensPerSecond: Double

    /// Requests of random prompts.
    package struct Workload: Hashable, Sendable {
        /// Sequences at once.
        package var batch: Int
        /// Tokens of each prompt.
        package var promptTokens: Int
        /// New tokens of each sequence while all of them make some, 2 or more.
        package var newTokens: Int

        package init(batch: Int, promptTokens: Int, newTokens: Int) {
            self.batch = batch
            self.promptTokens = promptTokens
            self.newTokens = newTokens
        }

        /// The most tokens of a sequence, prompt and new ones together.
        package func longestSequence(promptChunk: Int) -> Int {
            promptTokens + newTokens(of: 0, promptChunk: promptChunk)
        }

        /// The prompts are read one after another, and sequences whose prompt is read make a token
        /// a chunk: earlier ones make so many more that all are there when the last one begins.
        private func newTokens(of row: Int, promptChunk: Int) -> Int {
            newTokens + (batch - 1 - row) * (promptTokens / promptChunk + 1)
        }

        fileprivate func requests(
            _ plan: SharingPlan, vocabulary: Int, promptChunk: Int
        ) throws -> [GenerationRequest] {
            let stream = RandomStream(seed: 1, name: "benchmark")
            let sampler = try Sampler()
            return (0..<batch).map { row in
                GenerationRequest(
                    prompt: (0..<promptTokens).map {
                        Int32(
                            stream.bits(at: UInt64(row * promptTokens + $0)) % UInt64(vocabulary))
                    }, plan: plan, sampler: sampler,
                    maximumTokens: newTokens(of: row, promptChunk: promptChunk))
            }
        }
    }

    /// The speeds of several plans: medians of rounds in which each plan runs once, so that a
    /// machine that changes its pace does so for all. A first round is not counted.
    ///
    /// - Parameters:
    ///   - engine: One that keeps no prefixes, with a slot for each sequence.
    ///   - rounds: The fewest rounds.
    ///   - seconds: The time after which no further round begins.
    package static func measure(
        _ engine: Engine, plans: [SharingPlan], _ workload: Workload, rounds: Int,
        seconds: Double = 0
    ) async throws -> [GenerationSpeed] {
        let requests = try plans.map {
            try workload.requests(
                $0, vocabulary: engine.model.vocabulary, promptChunk: engine.options.promptChunk)
        }
        var speeds = [[GenerationSpeed]](repeating: [], count: plans.count)
        let start = ContinuousClock.now
        for index in plans.indices { _ = try await GenerationSpeed(requests[index], engine) }
        var round = 0
        while round < rounds || (ContinuousClock.now - start) / .seconds(1) < seconds {
            for index in plans.indices {
                speeds[index].append(try await GenerationSpeed(requests[index], engine))
            }
            round += 1
        }
        return speeds.map { speeds in
            func median(_ value: (GenerationSpeed) -> Double) -> Double {
                speeds.map(value).sorted()[speeds.count / 2]
            }
            return GenerationSpeed(
                tokensPerSecond: median(\.tokensPerSecond),
                promptTokensPerSecond: median(\.promptTokensPerSecond))
        }
    }

    private init(tokensPerSecond: Double, promptTokensPerSecond: Double) {
        self.tokensPerSecond = tokensPerSecond
        self.promptTokensPerSecond = promptTokensPerSecond
    }

    /// Runs requests at once.
    private init(_ requests: [GenerationRequest], _ engine: Engine) async throws {
        // In order, as their numbers of new tokens expect.
        let streams = try requests.map { try engine.submit($0) }
        var last: GenerationSummary?
        for stream in streams {
            for try await event in stream {
                if case .finished(let summary) = event { last = summary }
            }
        }
        guard let last else { throw EngineError.failed("The engine ended without a word. Retry.") }
        // By the engine's clock, since this task may be woken late. From the last sequence's first
        // token to its last, every sequence makes one token a round.
        let prompts = requests.reduce(0) { $0 + $1.prompt.count }
        self.init(
            tokensPerSecond: Double(requests.count * (last.newTokens - 1)) / last.decodeSeconds,
            promptTokensPerSecond: Double(prompts) / (last.queuedSeconds + last.promptSeconds))
    }
}
