import EPASInference
import EPASModel
import EPASTokenizer

/// What an engine added to a prompt.
struct Continuation: Sendable {
    enum End: Sendable {
        /// A token or a text that ends.
        case stop
        /// The request's own limit or the model's.
        case length
        /// Whoever asked did not want more.
        case given
    }

    private(set) var tokens: [Int32] = []
    private(set) var text = ""
    private(set) var end = End.given
    private(set) var speed: GenerationPace?

    /// Runs a request; its text goes on as it becomes final.
    ///
    /// - Parameters:
    ///   - stops: Texts that end it; none is empty.
    ///   - isWanted: Asked after each token whether to go on.
    init(
        _ request: GenerationRequest, on engine: Engine, tokenizer: any Tokenizer,
        stops: [String], isWanted: @Sendable () -> Bool = { true },
        write: @Sendable (String) throws -> Void = { _ in }
    ) async throws {
        var completion = TextCompletion(
            tokenizer: tokenizer, after: request.prompt, stops: stops)
        let clock = ContinuousClock()
        let start = clock.now
        var first: ContinuousClock.Instant?
        func take(_ piece: TextCompletion.Piece) throws {
            text += piece.text
            if !piece.text.isEmpty { try write(piece.text) }
        }
        events: for try await event in try engine.submit(request) {
            switch event {
            case .prompt: break
            case .token(let token, _):
                if first == nil { first = clock.now }
                tokens.append(token)
                try take(completion.append(token))
                if completion.stopString != nil {
                    end = .stop
                    break events
                }
                guard isWanted() else { break events }
            case .finished(let summary):
                end = if case .length = summary.reason { .length } else { .stop }
                speed = GenerationPace(summary)
            }
        }
        if completion.stopString == nil { try take(completion.finish()) }
        if speed == nil, let first {
            speed = GenerationPace(
                promptTokens: request.prompt.count,
                promptSeconds: (first - start) / .seconds(1), newTokens: tokens.count,
                decodeSeconds: (clock.now - first) / .seconds(1))
        }
    }
}

/// How fast a request went.
struct GenerationPace: Sendable {
    /// `nil` where nothing was left to compute.
    let promptTokensPerSecond: Double?
    /// `nil` with fewer than two tokens, between which there is no time.
    let tokensPerSecond: Double?

    init(_ summary: GenerationSummary) {
        self.init(
            promptTokens: summary.promptTokens - summary.cachedTokens,
            promptSeconds: summary.promptSeconds, newTokens: summary.newTokens,
            decodeSeconds: summary.decodeSeconds)
    }

    init(promptTokens: Int, promptSeconds: Double, newTokens: Int, decodeSeconds: Double) {
        promptTokensPerSecond = promptSeconds > 0 ? Double(promptTokens) / promptSeconds : nil
        tokensPerSecond =
            newTokens > 1 && decodeSeconds > 0 ? Double(newTokens - 1) / decodeSeconds : nil
    }

    var sentence: String {
        func text(_ speed: Double?) -> String { speed.map { fixed($0, 1) } ?? "no" }
        return "\(text(promptTokensPerSecond)) prompt tokens/s, "
            + "\(text(tokensPerSecond)) new tokens/s"
    }
}
