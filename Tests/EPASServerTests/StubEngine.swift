import EPASInference
import EPASModel
import EPASServer
import Synchronization

/// An engine without a model: what it says follows from the request alone.
final class StubEngine: GenerationEngine {
    struct Script: Sendable {
        /// The tokens that continue a request, up to its own limit.
        var reply: @Sendable (GenerationRequest) -> [Int32] = { request in
            request.prompt.filter { $0 < 256 }.reversed()
        }
        /// Time that a token takes.
        var tokenTime = Duration.zero
        /// The number of tokens after which it fails.
        var failsAfter: Int?

        /// Keeps replies from beginning while it is closed.
        var gate: Gate?

        /// Says nothing until it is cancelled.
        static var hanging: Script {
            var script = Script()
            script.tokenTime = .seconds(1000)
            return script
        }

        /// Says a letter every few milliseconds, for minutes.
        static var steady: Script {
            var script = Script()
            script.reply = { _ in [Int32](repeating: 65, count: 1 << 16) }
            script.tokenTime = .milliseconds(5)
            return script
        }
    }

    let model: ModelConfig
    let maximumSequence: Int
    let slots: Int
    private let queue: Int
    private let script: Script
    private let state = Mutex(State())

    private struct State {
        var statistics = EngineStatistics()
        var isStopped = false
        var requests: [GenerationRequest] = []
    }

    init(
        maximumSequence: Int = 512, slots: Int = 4, queue: Int = 256, layers: Int = 8,
        script: Script = Script()
    ) throws {
        model = try ModelConfig(
            layers: layers, width: 8, heads: 2, feedForward: 8, vocabulary: 258,
            maximumSequence: maximumSequence)
        self.maximumSequence = maximumSequence
        self.slots = slots
        self.queue = queue
        self.script = script
    }

    var statistics: EngineStatistics { state.withLock { $0.statistics } }
    var requests: [GenerationRequest] { state.withLock { $0.requests } }

    func stopAccepting() { state.withLock { $0.isStopped = true } }

    /// The score of a token at a position: a function of both, the most likely token at 0.5 nats.
    static func score(_ token: Int32, position: Int, alternatives: Int) -> TokenScore {
        let chosen = TokenScore.Candidate(
            token: token, logProbability: -0.125 - Float(token % 7) / 3 - Float(position % 5) / 7)
        var candidates = (0..<Int32(alternatives)).map { rank in
            TokenScore.Candidate(
                token: (token + rank * 31) % 256,
                logProbability: chosen.logProbability - Float(rank) * 0.7)
        }
        // At odd positions the model would have said something else.
        if !position.isMultiple(of: 2), !candidates.isEmpty {
            candidates[0] = .init(
                token: (token + 1) % 256, logProbability: chosen.logProbability / 2)
        }
        return TokenScore(chosen: chosen, alternatives: candidates)
    }

    func submit(
        _ request: GenerationRequest
    ) throws(EngineError) -> AsyncThrowingStream<GenerationEvent, any Error> {
        let mustWait = try state.withLock { (state) throws(EngineError) -> Bool in
            if state.isStopped { throw .stopped }
            let statistics = state.statistics
            if statistics.running + statistics.waiting >= slots + queue {
                throw .busy(waiting: statistics.waiting)
            }
            let mustWait = statistics.running >= slots
            if mustWait {
                state.statistics.waiting += 1
            } else {
                state.statistics.running += 1
            }
            state.requests.append(request)
            return mustWait
        }
        let (stream, continuation) = AsyncThrowingStream<GenerationEvent, any Error>.makeStream()
        let task = Task {
            await run(request, mustWait: mustWait, continuation)
        }
        continuation.onTermination = { reason in
            if case .cancelled = reason { task.cancel() }
        }
        return stream
    }

    private func run(
        _ request: GenerationRequest, mustWait: Bool,
        _ continuation: AsyncThrowingStream<GenerationEvent, any Error>.Continuation
    ) async {
        if mustWait { await waitForSlot() }
        while let gate = script.gate, !gate.isOpen, !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(2))
        }
        var reply = script.reply(request)
        var reason = GenerationSummary.Reason.length
        let limit = request.maximumTokens
        if let end = reply.firstIndex(where: { request.stopTokens.contains($0) }), end < limit {
            let token = reply[end]
            reason = .stop(
                token,
                request.alternatives.map {
                    Self.score(token, position: request.prompt.count + end, alternatives: $0)
                })
            reply = Array(reply[..<end])
        } else if reply.count < limit {
            reason = .stop(
                ByteTokenizer.end,
                request.alternatives.map {
                    Self.score(
                        ByteTokenizer.end, position: request.prompt.count + reply.count,
                        alternatives: $0)
                })
        }
        reply = Array(reply.prefix(limit))
        if let count = request.promptAlternatives {
            continuation.yield(
                .prompt(
                    request.prompt.enumerated().map { position, token in
                        position == 0
                            ? nil : Self.score(token, position: position, alternatives: count)
                    }))
        }
        var made = 0
        for (index, token) in reply.enumerated() {
            if script.failsAfter == index {
                end(cancelled: false, failed: true)
                continuation.finish(throwing: EngineError.failed("The device is gone. Restart."))
                return
            }
            if script.tokenTime > .zero { try? await Task.sleep(for: script.tokenTime) }
            if Task.isCancelled { break }
            continuation.yield(
                .token(
                    token,
                    request.alternatives.map {
                        Self.score(
                            token, position: request.prompt.count + index, alternatives: $0)
                    }))
            made += 1
        }
        let isCancelled = Task.isCancelled
        end(cancelled: isCancelled, failed: false)
        guard !isCancelled else {
            continuation.finish()
            return
        }
        continuation.yield(
            .finished(
                GenerationSummary(
                    reason: reason, promptTokens: request.prompt.count, cachedTokens: 0,
                    newTokens: made, queuedSeconds: 0, promptSeconds: 0, decodeSeconds: 0)))
        continuation.finish()
    }

    private func waitForSlot() async {
        while !Task.isCancelled {
            let isIn = state.withLock { state -> Bool in
                guard state.statistics.running < slots, state.statistics.waiting > 0 else {
                    return false
                }
                state.statistics.waiting -= 1
                state.statistics.running += 1
                return true
            }
            if isIn { return }
            try? await Task.sleep(for: .milliseconds(2))
        }
        state.withLock {
            // `end` takes one off the running ones.
            $0.statistics.waiting -= 1
            $0.statistics.running += 1
        }
    }

    private func end(cancelled: Bool, failed: Bool) {
        state.withLock {
            $0.statistics.running -= 1
            if cancelled {
                $0.statistics.cancelledRequests += 1
            } else if failed {
                $0.statistics.failedRequests += 1
            } else {
                $0.statistics.finishedRequests += 1
            }
        }
    }
}

/// Holds replies back until a test opens it.
final class Gate: Sendable {
    private let state = Mutex(false)
    var isOpen: Bool { state.withLock { $0 } }
    func open() { state.withLock { $0 = true } }
}
