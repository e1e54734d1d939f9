import EPASInference

/// Collects the texts of a request that wants them all at once.
struct WholeAnswer {
    private struct Candidate {
        var choice: AnswerWriter.Choice
        var outcome: CompletionRun.Outcome?

        /// The mean log-probability of the tokens, by which `best_of` chooses.
        var quality: Double {
            let scores = choice.tokens.compactMap { $0.score?.chosen.logProbability }
            guard !scores.isEmpty else { return -.infinity }
            return scores.reduce(0) { $0 + Double($1) } / Double(scores.count)
        }
    }

    private let request: TextRequest

    init(_ request: TextRequest) {
        self.request = request
    }

    func collect(
        _ run: CompletionRun
    ) async throws -> ([AnswerWriter.Choice], AnswerWriter.Usage) {
        var candidates = (0..<request.prompts.count * request.candidates).map {
            Candidate(choice: .init(index: $0))
        }
        for try await event in run.events {
            switch event {
            case .piece(let job, let piece):
                candidates[job].choice.text += piece.text
                candidates[job].choice.tokens += piece.tokens
            case .finished(let job, let outcome):
                candidates[job].choice.reason = outcome.reason
                candidates[job].outcome = outcome
            }
        }
        guard candidates.allSatisfy({ $0.outcome != nil }) else { throw CancellationError() }

        var usage = AnswerWriter.Usage()
        var choices: [AnswerWriter.Choice] = []
        for (index, prompt) in request.prompts.enumerated() {
            let start = index * request.candidates
            var own = Array(candidates[start..<start + request.candidates])
            usage.promptTokens += prompt.count
            usage.cachedTokens += own.compactMap { $0.outcome?.cachedTokens }.min() ?? 0
            usage.newTokens += own.compactMap { $0.outcome?.tokens }.reduce(0, +)
            if request.candidates > request.count {
                // Equally good ones stay in order, so that the answer is always the same.
                own = own.enumerated().sorted {
                    $0.element.quality != $1.element.quality
                        ? $0.element.quality > $1.element.quality : $0.offset < $1.offset
                }.prefix(request.count).map(\.element)
            }
            choices += own.map(\.choice)
        }
        for index in choices.indices { choices[index].index = index }
        return (choices, usage)
    }
}
