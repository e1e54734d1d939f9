import EPASInference
import EPASJSON
import Testing

@testable import EPASServer

@Suite("Limits")
struct LimitsTests {
    private static let good = #"{"prompt": "abc"}"#

    private static func head(_ body: String, length: Int? = nil) -> String {
        "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(length ?? body.utf8.count)\r\n\r\n"
    }

    @Test("requests beyond the queue are refused with 429, and say when to come again")
    func queue() async throws {
        let engine = try StubEngine(slots: 1, queue: 1, script: .hanging)
        try await TestServer.with(engine: engine) { test in
            let first = try await test.client.start(Self.good)
            let second = try await test.client.start(Self.good)
            #expect(await eventually { engine.statistics.waiting == 1 })
            let answer = try await test.client.post("/v1/completions", Self.good)
            #expect(answer.status == 429)
            #expect(answer.headers["retry-after"] == "1")
            let error = try answer.json["error"]
            #expect(
                error?["message"]?.string == "1 requests are waiting. Try again later.")
            #expect(error?["type"]?.string == "rate_limit_error")
            #expect(error?["code"]?.string == "queue_full")
            #expect(try await test.client.get("/health").status == 200)
            first.close()
            second.close()
            #expect(
                await eventually {
                    engine.statistics.running == 0 && engine.statistics.waiting == 0
                })
        }
    }

    @Test("a request whose texts do not all fit has none")
    func texts() async throws {
        let engine = try StubEngine(slots: 2, queue: 1, script: .hanging)
        try await TestServer.with(engine: engine) { test in
            let answer = try await test.client.post(
                "/v1/completions", #"{"prompt": "abc", "n": 4}"#)
            #expect(answer.status == 429)
            #expect(
                await eventually {
                    engine.statistics.running == 0 && engine.statistics.waiting == 0
                })
            #expect(engine.statistics.cancelledRequests == 3)
        }
    }

    @Test("bodies that are too many at once are refused with 503")
    func bodies() async throws {
        var options = ServerOptions()
        options.limits.allBodyBytes = 2000
        try await TestServer.with(engine: try StubEngine(), options: options) { test in
            let padded = Self.good + String(repeating: " ", count: 1483)
            let slow = try await test.client.open()
            defer { slow.close() }
            try await slow.send(Self.head(padded) + padded.prefix(1400))
            // Until the first part was taken off the budget, both would fit.
            #expect(
                await eventually {
                    guard test.server.bodies.take(1000) else { return true }
                    test.server.bodies.give(1000)
                    return false
                })
            let answer = try await test.client.post("/v1/completions", padded)
            #expect(answer.status == 503)
            #expect(answer.headers["retry-after"] == "1")
            #expect(answer.headers["connection"] == "close")
            let error = try answer.json["error"]
            #expect(
                error?["message"]?.string
                    == "Other requests fill the memory for bodies. Try again later.")
            #expect(error?["code"]?.string == "overloaded")
            try await slow.send(String(padded.dropFirst(1400)))
            let bytes = try await slow.read(until: "\"usage\"")
            #expect(try TestClient.parse(bytes).status == 200)
            try await BadRequest.checkServes(test.client)
        }
    }

    @Test("an answer that takes too long is one of 504, or an event where it is streamed")
    func answers() async throws {
        var options = ServerOptions()
        options.limits.answerSeconds = 0.25
        let engine = try StubEngine(script: .hanging)
        try await TestServer.with(engine: engine, options: options) { test in
            let sentence =
                "The answer took more than 0.25 seconds. Ask for fewer tokens, or try later."
            let whole = try await test.client.post("/v1/completions", Self.good)
            #expect(whole.status == 504)
            #expect(try whole.json["error"]?["message"]?.string == sentence)
            #expect(try whole.json["error"]?["code"]?.string == "timeout")
            #expect(try whole.json["error"]?["type"]?.string == "server_error")
            let stream = try await test.client.post(
                "/v1/completions", #"{"prompt": "abc", "n": 2, "stream": true}"#)
            #expect(stream.status == 200)
            #expect(try stream.chunks.last?["error"]?["message"]?.string == sentence)
            #expect(stream.events.last == "[DONE]")
            #expect(await eventually { engine.statistics.running == 0 })
            #expect(engine.statistics.cancelledRequests == 3)
        }
    }

    /// One limit as short as a test can wait; the others do not matter on a loaded machine.
    private static func options(
        _ limit: WritableKeyPath<ServerLimits, Double>, _ seconds: Double
    ) -> ServerOptions {
        var options = ServerOptions()
        options.limits[keyPath: limit] = seconds
        return options
    }

    @Test("new connections that say nothing, or half a request, are closed")
    func silent() async throws {
        let options = Self.options(\.headerSeconds, 0.5)
        try await TestServer.with(engine: try StubEngine(), options: options) { test in
            let new = try await test.client.open()
            let half = try await test.client.open()
            defer { for connection in [new, half] { connection.close() } }
            try await half.send("POST /v1/completions HTTP/1.1\r\nHost:")
            // Each read ends with the connection, or the test does not end.
            #expect(try await new.readToEnd().isEmpty)
            #expect(try await half.readToEnd().isEmpty)
            #expect(await eventually { test.server.metrics.counts.open == 0 })
        }
    }

    @Test("connections without a further request are closed")
    func idle() async throws {
        let options = Self.options(\.idleSeconds, 0.5)
        try await TestServer.with(engine: try StubEngine(), options: options) { test in
            let connection = try await test.client.start(Self.good)
            defer { connection.close() }
            #expect(try TestClient.parse(await connection.readToEnd()).status == 200)
            #expect(await eventually { test.server.metrics.counts.open == 0 })
        }
    }

    @Test(
        "headers that drip are cut off, on a new connection and on a used one",
        arguments: [false, true])
    func headers(isUsed: Bool) async throws {
        let options = Self.options(isUsed ? \.idleSeconds : \.headerSeconds, 0.5)
        try await TestServer.with(engine: try StubEngine(), options: options) { test in
            let connection: TestConnection
            if isUsed {
                connection = try await test.client.start(Self.good)
                _ = try await connection.read(until: "\"usage\"")
            } else {
                connection = try await test.client.open()
            }
            defer { connection.close() }
            #expect(try await Self.drip("POST /v1/completions HTTP/1.1\r\nX: ", to: connection))
            #expect(await eventually { test.server.metrics.counts.open == 0 })
        }
    }

    /// Sends a byte after another until the server closes; false if it does not.
    private static func drip(_ start: String, to connection: TestConnection) async throws -> Bool {
        for byte in start + String(repeating: "a", count: 600) {
            do {
                try await connection.send(String(byte))
            } catch {
                return true
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    @Test("a body that drips is refused with 408", arguments: [false, true])
    func dripping(isChunked: Bool) async throws {
        let engine = try StubEngine()
        let options = Self.options(\.bodySeconds, 0.5)
        try await TestServer.with(engine: engine, options: options) { test in
            let connection = try await test.client.open()
            defer { connection.close() }
            let head =
                isChunked
                ? Self.head("").replacing("Content-Length: 0", with: "Transfer-Encoding: chunked")
                : Self.head("", length: 5000)
            try await connection.send(head)
            _ = try? await Self.drip(
                isChunked ? String(repeating: "1\r\na\r\n", count: 100) : "{", to: connection)
            let answer = try TestClient.parse(await connection.readToEnd())
            #expect(answer.status == 408)
            #expect(answer.headers["connection"] == "close")
            #expect(
                try answer.json["error"]?["message"]?.string
                    == "The body did not arrive within 0.5 seconds. Send it faster.")
            #expect(engine.requests.isEmpty)
            #expect(test.server.bodies.isWhole)
        }
    }

    @Test("a reader that lags is cut off, and the engine's slot is free again")
    func slowReader() async throws {
        var script = StubEngine.Script()
        script.reply = { _ in [Int32](repeating: 65, count: 60_000) }
        let engine = try StubEngine(maximumSequence: 1 << 17, script: script)
        let options = Self.options(\.stallSeconds, 0.5)
        try await TestServer.with(engine: engine, options: options) { test in
            let connection = try await test.client.open()
            connection.shrinkReceiveBuffer()
            defer { connection.close() }
            let body = #"{"prompt": "a", "max_tokens": 60000, "stream": true}"#
            try await connection.send(Self.head(body) + body)
            #expect(await eventually { engine.requests.count == 1 })
            #expect(
                await eventually { test.server.metrics.counts.open == 0 })
            #expect(await eventually { engine.statistics.running == 0 })
            #expect(
                await eventually { test.log.lines.contains { $0.contains("status=499") } },
                "\(test.log.lines)")
            #expect(try await test.client.get("/health").status == 200)
        }
    }

    @Test("connections beyond the limit wait until others have gone")
    func connections() async throws {
        var options = ServerOptions()
        options.limits.connections = 3
        try await TestServer.with(engine: try StubEngine(), options: options) { test in
            var others: [TestConnection] = []
            for _ in 0..<3 { others.append(try await test.client.open()) }
            #expect(await eventually { test.server.metrics.counts.open == 3 })
            // The system accepts it, the server does not.
            let last = try await test.client.open()
            defer { last.close() }
            try await last.send("GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")
            try await Task.sleep(for: .milliseconds(200))
            #expect(test.server.metrics.counts.connections == 3)
            for connection in others { connection.close() }
            #expect(try TestClient.parse(await last.readToEnd()).status == 200)
        }
    }

    @Test("300 connections that say half a request do not keep others from being served")
    func many() async throws {
        // On a busy machine the first of them wait longer than the rest of a request may take.
        var options = ServerOptions()
        options.limits.headerSeconds = 600
        options.limits.bodySeconds = 600
        try await TestServer.with(engine: try StubEngine(), options: options) { test in
            var connections: [TestConnection] = []
            for index in 0..<300 {
                let connection = try await test.client.open()
                switch index % 3 {
                case 0: break
                case 1: try await connection.send("POST /v1/completions HTTP/1.1\r\nX: ")
                default: try await connection.send(Self.head("", length: 5000) + "{")
                }
                connections.append(connection)
            }
            #expect(await eventually { test.server.metrics.counts.open == 300 })
            try await BadRequest.checkServes(test.client)
            #expect(try await test.client.get("/health").status == 200)
            for connection in connections { connection.close() }
            #expect(await eventually { test.server.metrics.counts.open == 0 })
            #expect(test.server.bodies.isWhole)
        }
    }
}
