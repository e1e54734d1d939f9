import EPASInference
import EPASTokenizer
import HTTPTypes
import Synchronization

/// Runs the texts that one request asks for, all at once.
///
/// Nothing of the engine is held once the run is cancelled, or nobody reads its events.
final class CompletionRun: Sendable {
    /// Text of a choice that became final, and its tokens.
    struct Piece: Sendable {
        var text = ""
        var tokens: [TextCompletion.Token] = []
    }

    struct Outcome: Hashable, Sendable {
        enum Reason: String {
            case stop, length
        }

        var reason: Reason
        /// Tokens generated, the one that ended the text included.
        var tokens: Int
        var cachedTokens: Int
    }

    enum Event: Sendable {
        case piece(job: Int, Piece)
        case finished(job: Int, Outcome)
    }

    private typealias Source = AsyncThrowingStream<GenerationEvent, any Error>

    let events: AsyncThrowingStream<Event, any Error>
    private let task: Task<Void, Never>

    /// Submits every text to the engine; if one is refused, none runs.
    init(
        _ request: TextRequest, model: ServedModel, engine: any GenerationEngine,
        metrics: ServerMetrics, limits: ServerLimits
    ) throws(APIError) {
        var sources: [Source] = []
        for prompt in request.prompts.indices {
            for candidate in 0..<request.candidates {
                let generation = try request.generation(
                    prompt: prompt, candidate: candidate, stopTokens: model.stopTokens)
                do throws(EngineError) {
                    sources.append(try engine.submit(generation))
                } catch {
                    throw APIError(error)
                }
            }
        }
        for _ in sources { metrics.text(sharing: request.sharing.count) }
        let (events, continuation) = AsyncThrowingStream<Event, any Error>.makeStream()
        let seconds = limits.answerSeconds
        let box = Sources(sources)
        sources = []
        task = Task {
            do {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    var count = 0
                    while let source = box.takeFirst() {
                        let reader = JobReader(
                            job: count, prompt: request.prompts[count / request.candidates],
                            request: request, tokenizer: model.tokenizer, metrics: metrics)
                        group.addTask { try await reader.read(source, to: continuation) }
                        count += 1
                    }
                    group.addTask {
                        try await Task.sleep(for: .seconds(seconds))
                        throw APIError.timeout(seconds: seconds)
                    }
                    for _ in 0..<count { try await group.next() }
                    group.cancelAll()
                }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        self.events = events
        continuation.onTermination = { [task] _ in task.cancel() }
    }

    func cancel() { task.cancel() }
}

/// Streams on their way to the tasks that read them; a task that ends gives its stream up.
private final class Sources: Sendable {
    private let sources: Mutex<[AsyncThrowingStream<GenerationEvent, any Error>]>

    init(_ sources: [AsyncThrowingStream<GenerationEvent, any Error>]) {
        self.sources = Mutex(sources.reversed())
    }

    func takeFirst() -> AsyncThrowingStream<GenerationEvent, any Error>? {
        sources.withLock { $0.popLast() }
    }
}

/// Reads one text's events.
private struct JobReader: Sendable {
    let job: Int
    let prompt: [Int32]
    let request: TextRequest
    let tokenizer: any Tokenizer
    let metrics: ServerMetrics

    func read(
        _ source: AsyncThrowingStream<GenerationEvent, any Error>,
        to continuation: AsyncThrowingStream<CompletionRun.Event, any Error>.Continuation
    ) async throws {
        var offset = 0
        let submitted = ContinuousClock.now
        var last: ContinuousClock.Instant?
        var count = 0
        if request.echoes, request.alternatives == nil {
            let piece = echo([TokenScore?](repeating: nil, count: prompt.count))
            offset = piece.text.unicodeScalars.count
            continuation.yield(.piece(job: job, piece))
        }
        var text = TextCompletion(
            tokenizer: tokenizer, after: prompt, stops: request.stops, offset: offset)
        for try await event in source {
            switch event {
            case .prompt(let scores):
                let piece = echo(scores)
                text = TextCompletion(
                    tokenizer: tokenizer, after: prompt, stops: request.stops,
                    offset: piece.text.unicodeScalars.count)
                continuation.yield(.piece(job: job, piece))
            case .token(let token, let score):
                count += 1
                let now = ContinuousClock.now
                if let last {
                    metrics.token(after: (now - last).seconds)
                } else {
                    metrics.firstToken(after: (now - submitted).seconds)
                }
                last = now
                yield(text.append(token, score: score), to: continuation)
                if text.stopString != nil {
                    finish(.stop, count, cached: 0, continuation)
                    return
                }
            case .finished(let summary):
                var reason = CompletionRun.Outcome.Reason.length
                if case .stop(let token, let score) = summary.reason {
                    reason = .stop
                    count += 1
                    // Lists of a completion have every token that was generated, as lm-eval
                    // needs; those of a chat have what the message is made of.
                    if request.form == .completion, request.alternatives != nil {
                        text.appendSilently(token, score: score)
                    }
                }
                yield(text.finish(), to: continuation)
                // What was held back may hold a stop string only now: text at the end is final.
                finish(
                    text.stopString == nil ? reason : .stop, count, cached: summary.cachedTokens,
                    continuation)
                return
            }
        }
        try Task.checkCancellation()
        throw APIError(EngineError.failed("The engine ended a text without saying why."))
    }

    private func finish(
        _ reason: CompletionRun.Outcome.Reason, _ count: Int, cached: Int,
        _ continuation: AsyncThrowingStream<CompletionRun.Event, any Error>.Continuation
    ) {
        continuation.yield(
            .finished(
                job: job, .init(reason: reason, tokens: count, cachedTokens: cached)))
    }

    private func yield(
        _ piece: TextCompletion.Piece,
        to continuation: AsyncThrowingStream<CompletionRun.Event, any Error>.Continuation
    ) {
        guard !piece.isEmpty else { return }
        continuation.yield(.piece(job: job, .init(text: piece.text, tokens: piece.tokens)))
    }

    /// The prompt as part of the answer.
    private func echo(_ scores: [TokenScore?]) -> CompletionRun.Piece {
        var text = TextCompletion(tokenizer: tokenizer)
        var result = CompletionRun.Piece()
        for (index, token) in prompt.enumerated() {
            let piece = text.append(token, score: index < scores.count ? scores[index] : nil)
            result.text += piece.text
            result.tokens += piece.tokens
        }
        let rest = text.finish()
        result.text += rest.text
        result.tokens += rest.tokens
        return result
    }
}

extension APIError {
    init(_ error: EngineError) {
        switch error {
        case .invalid: self.init(.badRequest, error.description)
        case .busy:
            self.init(
                .tooManyRequests, error.description, type: "rate_limit_error", code: "queue_full",
                retryAfter: 1)
        case .stopped:
            self.init(
                .serviceUnavailable, error.description, type: "server_error", code: "stopping",
                retryAfter: 5)
        case .failed: self.init(.internalServerError, error.description, type: "server_error")
        }
    }

    static func timeout(seconds: Double) -> APIError {
        APIError(
            .gatewayTimeout,
            "The answer took more than \(seconds) seconds. Ask for fewer tokens, or try later.",
            type: "server_error", code: "timeout")
    }
}

extension Duration {
    var seconds: Double { self / .seconds(1) }
}
