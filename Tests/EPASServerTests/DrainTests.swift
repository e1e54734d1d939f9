import EPASCheckpoint
import EPASInference
import EPASJSON
import Testing

@testable import EPASServer

@Suite("Ending")
struct DrainTests {
    private static let body = #"{"prompt": "a", "max_tokens": 100, "stream": true}"#

    private static func options(drain: Double) -> ServerOptions {
        var options = ServerOptions()
        options.limits.drainSeconds = drain
        return options
    }

    /// Seconds that a server takes to end, with what the body leaves running.
    private static func secondsToEnd(
        _ engine: StubEngine, drain: Double, _ body: (TestServer) async throws -> Void
    ) async throws -> Double {
        var stopped = ContinuousClock.now
        try await TestServer.with(engine: engine, options: options(drain: drain)) { test in
            try await body(test)
            stopped = .now
        }
        return (ContinuousClock.now - stopped).seconds
    }

    @Test("what runs is finished, streams and whole answers, and what waits too")
    func finishes() async throws {
        let gate = Gate()
        var script = StubEngine.Script.steady
        script.gate = gate
        let engine = try StubEngine(slots: 2, script: script)
        try await TestServer.with(engine: engine) { test in
            let whole = #"{"prompt": "a", "max_tokens": 100}"#
            var connections: [TestConnection] = []
            for body in [Self.body, whole, Self.body, whole] {
                connections.append(try await test.client.start(body))
            }
            #expect(await eventually { engine.statistics.running == 2 })
            #expect(await eventually { engine.statistics.waiting == 2 })
            await test.server.stop()
            gate.open()
            for connection in connections {
                let answer = try TestClient.parse(await connection.readToEnd())
                let text =
                    answer.events.last == "[DONE]"
                    ? try answer.chunks.compactMap { $0["choices"]?[0]?["text"]?.string }.joined()
                    : try answer.json["choices"]?[0]?["text"]?.string
                #expect(text?.count == 100)
                connection.close()
            }
            #expect(engine.statistics.finishedRequests == 4)
        }
    }

    @Test("requests that come now are refused with 503, and say when to come again")
    func refuses() async throws {
        let engine = try StubEngine(script: .steady)
        try await TestServer.with(engine: engine) { test in
            // As a request finds it that was on its way when the server was stopped.
            engine.stopAccepting()
            for path in ["/v1/completions", "/v1/chat/completions"] {
                let answer = try await test.client.post(
                    path,
                    path.contains("chat")
                        ? #"{"messages": [{"role": "user", "content": "a"}]}"# : Self.body)
                #expect(answer.status == 503)
                #expect(answer.headers["retry-after"] == "5")
                let error = try answer.json["error"]
                #expect(
                    error?["message"]?.string
                        == "The engine is shutting down. Send the request to another server.")
                #expect(error?["type"]?.string == "server_error")
                #expect(error?["code"]?.string == "stopping")
            }
        }
    }

    private static func isRefused(by client: TestClient) async -> Bool {
        guard let connection = try? await client.start(body) else { return true }
        let bytes = (try? await connection.readToEnd()) ?? []
        connection.close()
        return bytes.isEmpty || bytes.contains(Array("503".utf8))
    }

    @Test("connections that come while the last stream runs are not served")
    func newConnections() async throws {
        let gate = Gate()
        var script = StubEngine.Script.steady
        script.gate = gate
        let engine = try StubEngine(script: script)
        try await TestServer.with(engine: engine) { test in
            let connection = try await test.client.start(Self.body)
            #expect(await eventually { engine.statistics.running == 1 })
            await test.server.stop()
            #expect(await eventually { await Self.isRefused(by: test.client) })
            #expect(engine.requests.count == 1)
            gate.open()
            _ = try await connection.read(until: "[DONE]")
            connection.close()
        }
    }

    @Test("idle connections do not hold the end up")
    func idle() async throws {
        let engine = try StubEngine()
        var connections: [TestConnection] = []
        let seconds = try await Self.secondsToEnd(engine, drain: 30) { test in
            connections.append(try await test.client.open())
            let used = try await test.client.start(#"{"prompt": "abc"}"#)
            _ = try await used.read(until: "\"usage\"")
            connections.append(used)
            #expect(await eventually { test.server.metrics.counts.open == 2 })
        }
        #expect(seconds < 10)
        for connection in connections {
            #expect(try await connection.readToEnd().isEmpty)
            connection.close()
        }
    }

    /// What does not end by itself.
    enum Hang: CaseIterable, Sendable {
        case stream, whole, queued, header, body, reader
    }

    @Test("what hangs ends with the drain limit", arguments: Hang.allCases)
    func hangs(hang: Hang) async throws {
        var script = StubEngine.Script.hanging
        if hang == .reader {
            script = .init()
            script.reply = { _ in [Int32](repeating: 65, count: 60_000) }
        }
        let engine = try StubEngine(maximumSequence: 1 << 17, slots: 1, script: script)
        var connections: [TestConnection] = []
        let seconds = try await Self.secondsToEnd(engine, drain: 0.5) { test in
            switch hang {
            case .stream: connections.append(try await test.client.start(Self.body))
            case .whole:
                connections.append(try await test.client.start(#"{"prompt": "a"}"#))
            case .queued:
                for _ in 0..<3 {
                    connections.append(try await test.client.start(Self.body))
                }
                #expect(await eventually { engine.statistics.waiting == 2 })
            case .header, .body:
                let connection = try await test.client.open()
                connections.append(connection)
                try await connection.send("POST /v1/completions HTTP/1.1\r\nHost: x\r\n")
                if hang == .body {
                    try await connection.send(
                        "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
                    #expect(await eventually { !test.server.bodies.isWhole })
                } else {
                    #expect(await eventually { test.server.metrics.counts.open == 1 })
                }
            case .reader:
                let connection = try await test.client.open()
                connection.shrinkReceiveBuffer()
                let body = #"{"prompt": "a", "max_tokens": 60000, "stream": true}"#
                try await connection.send(
                    "POST /v1/completions HTTP/1.1\r\nContent-Type: application/json\r\n"
                        + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
                connections.append(connection)
            }
            if hang != .header, hang != .body {
                #expect(await eventually { !engine.requests.isEmpty })
            }
        }
        // The limit is half a second; a loaded machine may take longer.
        #expect(seconds < 10)
        #expect(await eventually { engine.statistics.running + engine.statistics.waiting == 0 })
        for connection in connections {
            // The system goes on to send what it has taken, byte by byte, to who reads so.
            if hang != .reader { _ = try await connection.readToEnd() }
            connection.close()
        }
    }

    @Test("a server that was stopped before it ran, or twice, ends at once")
    func twice() async throws {
        let engine = try StubEngine()
        let seconds = try await Self.secondsToEnd(engine, drain: 30) { test in
            await test.server.stop()
            await test.server.stop()
        }
        #expect(seconds < 10)

        var options = ServerOptions()
        options.port = 0
        let server = InferenceServer(
            engine: engine,
            model: ServedModel(
                name: "tiny", tokenizer: ByteTokenizer(), stopTokens: [],
                sharing: try ServedSharing(
                    .init(kind: "qk", layers: 0, maximumLayers: 5), layers: 8),
                fingerprint: "x"), options: options)
        await server.stop()
        try await server.run()
    }

    @Test("an address that is taken is an error of its own")
    func taken() async throws {
        try await TestServer.with(engine: try StubEngine()) { test in
            var options = ServerOptions()
            options.port = test.port
            let second = InferenceServer(
                engine: test.engine, model: test.server.model, options: options)
            await #expect(throws: (any Error).self) { try await second.run() }
            try await BadRequest.checkServes(test.client)
        }
    }
}
