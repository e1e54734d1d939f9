import EPASInference
import Hummingbird
import HummingbirdCore
import NIOCore

/// Sends a request's texts as server-sent events, as they grow.
///
/// Source of the form: <https://html.spec.whatwg.org/multipage/server-sent-events.html>
struct EventStream: Sendable {
    static let contentType = "text/event-stream; charset=utf-8"

    let run: CompletionRun
    let writer: AnswerWriter
    let connection: Connection
    let log: RequestLog

    var body: ResponseBody {
        ResponseBody { output in
            do {
                try await send(to: &output)
                try await output.finish(nil)
                connection.onClose(nil)
                log.finish(200)
            } catch {
                run.cancel()
                connection.onClose(nil)
                log.finish(RequestLog.clientGone)
                throw error
            }
        }
    }

    private func send(to output: inout any ResponseBodyWriter) async throws {
        let request = writer.request
        var usage = AnswerWriter.Usage()
        usage.promptTokens = request.prompts.reduce(0) { $0 + $1.count }
        var cached = [Int?](repeating: nil, count: request.prompts.count)
        if request.form == .chat {
            for index in 0..<request.count {
                try await output.write(ByteBuffer(bytes: writer.opening(index)))
            }
        }
        do {
            var open = request.prompts.count * request.candidates
            for try await event in run.events {
                switch event {
                case .piece(let job, let piece):
                    // A token that is a part of a character has no text of its own.
                    if piece.text.isEmpty, request.alternatives == nil { continue }
                    let choice = AnswerWriter.Choice(
                        index: job, text: piece.text, tokens: piece.tokens)
                    try await output.write(ByteBuffer(bytes: writer.chunk(choice)))
                case .finished(let job, let outcome):
                    open -= 1
                    usage.newTokens += outcome.tokens
                    let prompt = job / request.candidates
                    cached[prompt] = min(cached[prompt] ?? .max, outcome.cachedTokens)
                    let choice = AnswerWriter.Choice(index: job, reason: outcome.reason)
                    try await output.write(ByteBuffer(bytes: writer.chunk(choice)))
                }
            }
            guard open == 0 else { throw CancellationError() }
            usage.cachedTokens = cached.reduce(0) { $0 + ($1 ?? 0) }
            log.note(usage)
            if request.includesUsage {
                try await output.write(ByteBuffer(bytes: writer.usageChunk(usage)))
            }
        } catch let error as APIError {
            log.note(usage)
            try await output.write(ByteBuffer(bytes: AnswerWriter.event(error.json)))
        } catch let error as EngineError {
            log.note(usage)
            try await output.write(
                ByteBuffer(bytes: AnswerWriter.event(APIError(error).json)))
        }
        try await output.write(ByteBuffer(bytes: AnswerWriter.done))
    }
}
