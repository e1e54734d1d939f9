import EPASInference

/// Writes answers in the shapes of OpenAI's interface.
struct AnswerWriter: Sendable {
    struct Choice: Sendable {
        var index: Int
        var text = ""
        var tokens: [TextCompletion.Token] = []
        var reason: CompletionRun.Outcome.Reason?
    }

    struct Usage: Hashable, Sendable {
        var promptTokens = 0
        var cachedTokens = 0
        var newTokens = 0
    }

    let request: TextRequest
    let model: ServedModel
    /// Never empty: clients break on answers without one.
    let id: String
    /// Seconds since 1970.
    let created: Int

    init(request: TextRequest, model: ServedModel, name: String, created: Int) {
        self.request = request
        self.model = model
        id = (request.form == .chat ? "chatcmpl-" : "cmpl-") + name
        self.created = created
    }

    // MARK: - Whole answers

    func answer(_ choices: [Choice], _ usage: Usage) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            begin(&writer, object: request.form == .chat ? "chat.completion" : "text_completion")
            writer.key("choices")
            writer.array { writer in
                for choice in choices { write(choice, &writer) }
            }
            write(usage, &writer)
        }
        return writer.bytes
    }

    private func write(_ choice: Choice, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("index", choice.index)
            switch request.form {
            case .completion: writer.field("text", choice.text)
            case .chat:
                writer.key("message")
                writer.object { writer in
                    writer.field("role", "assistant")
                    writer.field("content", choice.text)
                    writer.field("refusal", nil)
                }
            }
            logProbabilities(choice, &writer)
            writer.field("finish_reason", choice.reason?.rawValue)
        }
    }

    // MARK: - Streams

    /// The chunk that opens a chat message.
    func opening(_ index: Int) -> [UInt8] {
        chunk { writer in
            writer.object { writer in
                writer.field("index", index)
                writer.key("delta")
                writer.object { writer in
                    writer.field("role", "assistant")
                    writer.field("content", "")
                }
                writer.field("logprobs", nil)
                writer.field("finish_reason", nil)
            }
        }
    }

    /// A chunk with what is new of one choice.
    func chunk(_ choice: Choice) -> [UInt8] {
        chunk { writer in
            writer.object { writer in
                writer.field("index", choice.index)
                switch request.form {
                case .completion: writer.field("text", choice.text)
                case .chat:
                    writer.key("delta")
                    writer.object { writer in
                        if !choice.text.isEmpty || !choice.tokens.isEmpty {
                            writer.field("content", choice.text)
                        }
                    }
                }
                if choice.tokens.isEmpty {
                    writer.field("logprobs", nil)
                } else {
                    logProbabilities(choice, &writer)
                }
                writer.field("finish_reason", choice.reason?.rawValue)
            }
        }
    }

    private func chunk(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
        event { writer in
            writer.key("choices")
            writer.array(body)
            if request.includesUsage { writer.field("usage", nil) }
        }
    }

    /// The last chunk, where the request asks for it.
    func usageChunk(_ usage: Usage) -> [UInt8] {
        event { writer in
            writer.key("choices")
            writer.array { _ in }
            write(usage, &writer)
        }
    }

    private func event(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            begin(
                &writer,
                object: request.form == .chat ? "chat.completion.chunk" : "text_completion")
            body(&writer)
        }
        return Self.event(writer.bytes)
    }

    /// A server-sent event.
    static func event(_ data: [UInt8]) -> [UInt8] {
        Array("data: ".utf8) + data + Array("\n\n".utf8)
    }

    static let done = event(Array("[DONE]".utf8))

    // MARK: - Parts

    private func begin(_ writer: inout JSONWriter, object: String) {
        writer.field("id", id)
        writer.field("object", object)
        writer.field("created", created)
        writer.field("model", request.model)
        writer.field("system_fingerprint", model.systemFingerprint(request.sharing))
        writer.field("sharing_layers", request.sharing.count)
        writer.field("sharing_origin", request.sharing.origin.rawValue)
    }

    private func write(_ usage: Usage, _ writer: inout JSONWriter) {
        writer.key("usage")
        writer.object { writer in
            writer.field("prompt_tokens", usage.promptTokens)
            writer.field("completion_tokens", usage.newTokens)
            writer.field("total_tokens", usage.promptTokens + usage.newTokens)
            writer.key("prompt_tokens_details")
            writer.object { $0.field("cached_tokens", usage.cachedTokens) }
        }
    }

    private func logProbabilities(_ choice: Choice, _ writer: inout JSONWriter) {
        guard request.alternatives != nil else {
            writer.field("logprobs", nil)
            return
        }
        writer.key("logprobs")
        writer.object { writer in
            switch request.form {
            case .completion: completionScores(choice.tokens, &writer)
            case .chat: chatScores(choice.tokens, &writer)
            }
        }
    }

    private func completionScores(
        _ tokens: [TextCompletion.Token], _ writer: inout JSONWriter
    ) {
        writer.key("tokens")
        writer.array { writer in
            for token in tokens { writer.value(model.texts.text(of: token.id)) }
        }
        writer.key("token_logprobs")
        writer.array { writer in
            for token in tokens {
                if let score = token.score {
                    writer.value(score.chosen.logProbability)
                } else {
                    writer.null()
                }
            }
        }
        writer.key("top_logprobs")
        writer.array { writer in
            for token in tokens {
                if let score = token.score { alternatives(score, &writer) } else { writer.null() }
            }
        }
        writer.key("text_offset")
        writer.array { writer in
            for token in tokens { writer.value(token.offset) }
        }
    }

    /// An object from texts to log-probabilities. Two tokens may have the same text: the likelier
    /// one stands for both, so that the largest value is that of the most likely token.
    private func alternatives(_ score: TokenScore, _ writer: inout JSONWriter) {
        var names: [String] = []
        var values: [String: Float] = [:]
        for candidate in score.alternatives + [score.chosen] {
            let name = model.texts.text(of: candidate.token)
            if let other = values[name] {
                values[name] = max(other, candidate.logProbability)
            } else {
                names.append(name)
                values[name] = candidate.logProbability
            }
        }
        writer.object { writer in
            for name in names {
                writer.key(name)
                writer.value(values[name] ?? JSONWriter.impossible)
            }
        }
    }

    private func chatScores(_ tokens: [TextCompletion.Token], _ writer: inout JSONWriter) {
        writer.key("content")
        writer.array { writer in
            for token in tokens {
                guard let score = token.score else { continue }
                writer.object { writer in
                    candidate(score.chosen, &writer)
                    writer.key("top_logprobs")
                    writer.array { writer in
                        for alternative in score.alternatives {
                            writer.object { candidate(alternative, &$0) }
                        }
                    }
                }
            }
        }
        writer.field("refusal", nil)
    }

    private func candidate(_ candidate: TokenScore.Candidate, _ writer: inout JSONWriter) {
        writer.field("token", model.texts.text(of: candidate.token))
        writer.key("bytes")
        if let bytes = model.texts.bytes(of: candidate.token) {
            writer.array { writer in
                for byte in bytes { writer.value(Int(byte)) }
            }
        } else {
            writer.null()
        }
        writer.key("logprob")
        writer.value(candidate.logProbability)
    }
}
