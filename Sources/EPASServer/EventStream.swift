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
    /// The connection's loop, which takes what is written at its own pace.
    let loop: any EventLoop

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
        var pace = Pace(loop: loop)
        var usage = AnswerWriter.Usage()
        usage.promptTokens = request.prompts.reduce(0) { $0 + $1.count }
        var cached = [Int?](repeating: nil, count: request.prompts.count)
        if request.form == .chat {
            for index in 0..<request.count {
                try await pace.write(writer.opening(index), to: &output)
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
                    try await pace.write(writer.chunk(choice), to: &output)
                case .finished(let job, let outcome):
                    open -= 1
                    usage.newTokens += outcome.tokens
                    let prompt = job / request.candidates
                    cached[prompt] = min(cached[prompt] ?? .max, outcome.cachedTokens)
                    let choice = AnswerWriter.Choice(index: job, reason: outcome.reason)
                    try await pace.write(writer.chunk(choice), to: &output)
                }
            }
            guard open == 0 else { throw CancellationError() }
            usage.cachedTokens = cached.reduce(0) { $0 + ($1 ?? 0) }
            log.note(usage)
            if request.includesUsage {
                try await pace.write(writer.usageChunk(usage), to: &output)
            }
        } catch let error as APIError {
            log.note(usage)
            try await pace.write(AnswerWriter.event(error.json), to: &output)
        } catch let error as EngineError {
            log.note(usage)
            try await pace.write(AnswerWriter.event(APIError(error).json), to: &output)
        }
        try await pace.write(AnswerWriter.done, to: &output)
    }
}

/// Keeps a writer from running ahead of the connection.
///
/// A write returns when its bytes are queued for the loop, and waits only once the loop has found
/// that the reader lags: a loop that is late would let any number of bytes be queued.
private struct Pace {
    let loop: any EventLoop
    private var queued = 0

    /// Bytes after which the loop is waited for.
    private static let limit = 64 << 10

    init(loop: any EventLoop) {
        self.loop = loop
    }

    mutating func write(_ bytes: [UInt8], to output: inout any ResponseBodyWriter) async throws {
        try await output.write(ByteBuffer(bytes: bytes))
        queued += bytes.count
        guard queued >= Self.limit else { return }
        queued = 0
        try await loop.submit {}.get()
    }
}
