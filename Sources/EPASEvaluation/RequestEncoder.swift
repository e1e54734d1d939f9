// Texts as requests, by the rules of lm-evaluation-harness 0.4.13 for `--model hf` with
// `add_bos_token=True` (lm_eval/api/model.py: _encode_pair, loglikelihood; lm_eval/utils.py:
// get_rolling_token_windows, make_disjoint_window; lm_eval/models/huggingface.py: tok_encode,
// _loglikelihood_tokens).

import EPASTokenizer

/// Turns texts into requests.
struct RequestEncoder {
    private let tokenizer: any Tokenizer
    /// Tokens that the model knows.
    private let vocabulary: Int
    /// The longest input.
    private let maximumLength: Int
    /// Requests whose context was cut from the left.
    private(set) var truncatedCount = 0

    /// - Parameter maximumLength: Most tokens of an input, 1 or more.
    init(_ tokenizer: any Tokenizer, vocabulary: Int, maximumLength: Int) {
        self.tokenizer = tokenizer
        self.vocabulary = vocabulary
        self.maximumLength = maximumLength
    }

    /// The token that a text without context is predicted from.
    private func prefix(_ record: TaskRecord) throws(EvaluationError) -> Int32 {
        guard let token = tokenizer.beginningOfSequence ?? tokenizer.endOfSequence else {
            throw record.error(
                "there is nothing to predict the first token from, as the tokenizer has no token that starts a text",
                remedy: "Give the text a context, or the tokenizer such a token.")
        }
        return token
    }

    /// The text's tokens behind the one that starts a text, which a text may itself begin with.
    private func start(_ text: String) -> [Int32] {
        let tokens = tokenizer.encode(text, allowingSpecial: true)
        guard let first = tokenizer.beginningOfSequence, tokens.first != first else {
            return tokens
        }
        return [first] + tokens
    }

    /// The request for a text after another.
    mutating func request(
        context: String, continuation: String, record: TaskRecord
    ) throws(EvaluationError) -> ScoringRequest {
        var before: [Int32]
        var targets: [Int32]
        if context.isEmpty {
            before = [try prefix(record)]
            targets = tokenizer.encode(continuation, allowingSpecial: true)
            if targets.first == before[0] { targets.removeFirst() }
        } else {
            // White space at the context's end belongs to the first token after it.
            let (text, space) = context.splitBeforeTrailingSpace
            before = start(text)
            targets = Array(start(text + space + continuation).dropFirst(before.count))
            if before.isEmpty { before = [try prefix(record)] }
        }
        guard !targets.isEmpty else {
            throw record.error(
                "\"\(excerpt(continuation))\" adds no token to its context",
                remedy: "Give a longer continuation, or another delimiter.")
        }
        guard targets.count <= maximumLength else {
            throw record.error(
                "\"\(excerpt(continuation))\" has \(targets.count) tokens, but the longest input has \(maximumLength)",
                remedy: "Shorten it, or use a model with a longer context.")
        }
        let whole = before + targets
        if whole.count > maximumLength + 1 { truncatedCount += 1 }
        return try checked(
            ScoringRequest(
                input: Array(whole.suffix(maximumLength + 1).dropLast()), targets: targets), record)
    }

    /// The requests for a whole text: windows that predict each token once, each window but the
    /// first with one token before those that it predicts, and with more where the text ends.
    func windows(_ text: String, record: TaskRecord) throws(EvaluationError) -> [ScoringRequest] {
        let tokens = start(text)
        guard !tokens.isEmpty else { return [] }
        var predicted = min(maximumLength, tokens.count)
        var windows = [
            try checked(
                ScoringRequest(
                    input: [try prefix(record)] + tokens[..<(predicted - 1)],
                    targets: Array(tokens[..<predicted])), record)
        ]
        while predicted < tokens.count {
            let end = predicted + min(tokens.count - predicted, maximumLength)
            windows.append(
                try checked(
                    ScoringRequest(
                        input: Array(tokens[(end - maximumLength - 1)..<(end - 1)]),
                        targets: Array(tokens[predicted..<end])), record))
            predicted = end
        }
        return windows
    }

    private func checked(
        _ request: ScoringRequest, _ record: TaskRecord
    ) throws(EvaluationError) -> ScoringRequest {
        let outside = (request.input + request.targets).first {
            !(0..<vocabulary).contains(Int($0))
        }
        if let outside {
            throw record.error(
                "the tokenizer makes token \(outside), but the model knows \(vocabulary)",
                remedy: "Put the model's own tokenizer into its folder.")
        }
        return request
    }

    /// The beginning of a text on one line.
    private func excerpt(_ text: String) -> String {
        let line = text.unicodeScalars.prefix(40).map {
            $0.properties.generalCategory == .control ? " " : String($0)
        }.joined()
        return text.unicodeScalars.count > 40 ? line + "…" : line
    }
}
