import Foundation
import Synchronization

/// What became of a request, written as one line when it ends.
final class RequestLog: Sendable {
    private struct State {
        var isWritten = false
        var sharing: String?
        var usage: AnswerWriter.Usage?
    }

    let id: String
    let method: String
    let path: String
    let route: String
    private let start = ContinuousClock.now
    private let state = Mutex(State())
    private let metrics: ServerMetrics
    private let write: (@Sendable (String) -> Void)?

    /// The status of a request whose client went before the answer's end, as nginx has it.
    static let clientGone = 499

    init(
        id: String, method: String, path: String, route: String, metrics: ServerMetrics,
        write: (@Sendable (String) -> Void)?
    ) {
        self.id = id
        self.method = method
        self.path = path
        self.route = route
        self.metrics = metrics
        self.write = write
    }

    func note(sharing: String) { state.withLock { $0.sharing = sharing } }
    func note(_ usage: AnswerWriter.Usage) { state.withLock { $0.usage = usage } }

    /// Writes the line; only the first call does.
    func finish(_ status: Int) {
        let noted = state.withLock { state -> State? in
            if state.isWritten { return nil }
            state.isWritten = true
            return state
        }
        guard let noted else { return }
        let seconds = (ContinuousClock.now - start).seconds
        metrics.answered(route: route, status: status)
        metrics.took(seconds)
        if status == Self.clientGone { metrics.disconnected() }
        guard let write else { return }
        var line = "\(Self.timestamp()) \(method) \(Self.quoted(path)) status=\(status)"
        line += " seconds=\(String(format: "%.4f", seconds))"
        if let usage = noted.usage {
            line += " prompt_tokens=\(usage.promptTokens) cached_tokens=\(usage.cachedTokens)"
            line += " new_tokens=\(usage.newTokens)"
        }
        if let sharing = noted.sharing { line += " share=\(sharing)" }
        write(line + " id=\(id)")
    }

    deinit { finish(Self.clientGone) }

    /// The path in one word, of bounded length: it is the client's text.
    private static func quoted(_ path: String) -> String {
        var text = ""
        for byte in path.utf8.prefix(200) {
            text +=
                (0x21...0x7E).contains(byte) ? String(Unicode.Scalar(byte)) : "?"
        }
        return text.isEmpty ? "-" : text
    }

    private static func timestamp() -> String {
        Date.now.formatted(.iso8601)
    }
}
