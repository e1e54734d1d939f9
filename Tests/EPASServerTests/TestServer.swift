import EPASCheckpoint
import EPASInference
import EPASModel
import EPASTokenizer
import Foundation
import Synchronization
import Testing

@testable import EPASServer

/// Joins roles and contents, as no special token can be spelt in.
struct PlainChat: ChatRenderer {
    struct Refused: Error, CustomStringConvertible {
        let description = "The first message must not be the assistant's. Reorder them."
    }

    func prompt(_ messages: [ChatMessage]) throws -> [Int32] {
        if messages[0].role == "assistant" { throw Refused() }
        let text = messages.map { "\($0.role):\($0.content)\n" }.joined()
        return [ByteTokenizer.beginning] + ByteTokenizer().encode(text)
    }
}

/// A server on a free port, and what it logs.
struct TestServer {
    let server: InferenceServer
    let engine: any GenerationEngine
    let port: Int
    let log: LineLog

    var client: TestClient { TestClient(port: port) }

    /// Runs a server while the body does, and checks that it then ends.
    static func with(
        engine: any GenerationEngine, options: ServerOptions = .init(),
        chat: (any ChatRenderer)? = PlainChat(), sharing: ServedSharing? = nil,
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let layers = engine.model.layers
        let sharing =
            try sharing
            ?? ServedSharing(
                PublishedSharing(kind: "qk", layers: 2, maximumLayers: 5), layers: layers)
        var options = options
        options.port = 0
        let log = LineLog()
        options.log = { log.append($0) }
        let server = InferenceServer(
            engine: engine,
            model: ServedModel(
                name: "tiny", tokenizer: ByteTokenizer(), stopTokens: [ByteTokenizer.end],
                chat: chat, sharing: sharing, fingerprint: "epas-float32"),
            options: options)
        let (ports, continuation) = AsyncStream<Int>.makeStream()
        let running = Task {
            defer { continuation.finish() }
            try await server.run { continuation.yield($0) }
        }
        var iterator = ports.makeAsyncIterator()
        guard let port = await iterator.next() else {
            try await running.value
            return
        }
        let test = TestServer(server: server, engine: engine, port: port, log: log)
        do {
            try await body(test)
        } catch {
            await server.stop()
            try await running.value
            throw error
        }
        await server.stop()
        try await running.value
    }
}

final class LineLog: Sendable {
    private let state = Mutex<[String]>([])
    var lines: [String] { state.withLock { $0 } }
    func append(_ line: String) { state.withLock { $0.append(line) } }
}

/// Waits until a condition holds, for at most some seconds: more than it takes, however much else
/// the machine does.
func eventually(
    within seconds: Double = 30, _ condition: @Sendable () async throws -> Bool
) async rethrows -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return try await condition()
}
