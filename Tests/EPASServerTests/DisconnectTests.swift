import EPASInference
import EPASTesting
import Testing

@testable import EPASServer

@Suite("Disconnects")
struct DisconnectTests {
    /// How a client goes.
    enum End: CaseIterable, Sendable {
        case close, reset, halfClose

        func apply(to connection: TestConnection) {
            switch self {
            case .close: connection.close()
            case .reset: connection.reset()
            case .halfClose: connection.closeOutput()
            }
        }
    }

    /// What it waits for.
    enum Wait: CaseIterable, Sendable {
        case whole, stream, silentStream, chat

        var path: String { self == .chat ? "/v1/chat/completions" : "/v1/completions" }
        var body: String {
            switch self {
            case .whole: #"{"prompt": "a", "max_tokens": 400}"#
            case .stream, .silentStream: #"{"prompt": "a", "max_tokens": 400, "stream": true}"#
            case .chat: #"{"messages": [{"role": "user", "content": "a"}], "stream": true}"#
            }
        }
        var script: StubEngine.Script { self == .silentStream ? .hanging : .steady }
    }

    /// Seconds in which a slot is to be back. On an idle machine it takes milliseconds.
    private static let patience = 10.0

    private static func isIdle(_ engine: StubEngine) async -> Bool {
        await eventually(within: patience) {
            engine.statistics.running == 0 && engine.statistics.waiting == 0
        }
    }

    @Test(
        "a client that goes frees its slot, whatever it waits for and however it goes",
        arguments: Wait.allCases, End.allCases)
    func running(wait: Wait, end: End) async throws {
        let engine = try StubEngine(script: wait.script)
        try await TestServer.with(engine: engine) { test in
            let other = try await test.client.start(#"{"prompt": "b", "max_tokens": 80}"#)
            let connection = try await test.client.start(wait.body, path: wait.path)
            #expect(await eventually { engine.statistics.running == 2 })
            if wait == .stream || wait == .chat {
                let bytes = try await connection.read(until: "\"A\"")
                #expect(!bytes.isEmpty)
            }
            end.apply(to: connection)
            if wait == .silentStream { other.close() }
            #expect(
                await eventually(within: Self.patience) {
                    engine.statistics.cancelledRequests == (wait == .silentStream ? 2 : 1)
                })
            if wait != .silentStream {
                // The one beside it goes on to its end.
                let bytes = try await other.read(until: "\"total_tokens\"")
                let text = String(repeating: "A", count: 80)
                #expect(String(decoding: bytes, as: UTF8.self).contains("\"\(text)\""))
                other.close()
            }
            #expect(await Self.isIdle(engine))
            #expect(
                await eventually { test.log.lines.contains { $0.contains("status=499") } })
            #expect(test.server.metrics.counts.disconnects >= 1)
            if end == .halfClose {
                // The server closes: it does not wait for a client that has gone.
                _ = try await connection.readToEnd()
                connection.close()
            }
            #expect(await eventually { test.server.metrics.counts.open == 0 })
        }
    }

    @Test("a client that goes while it is queued leaves the queue", arguments: End.allCases)
    func queued(end: End) async throws {
        let engine = try StubEngine(slots: 1, script: .hanging)
        try await TestServer.with(engine: engine) { test in
            let first = try await test.client.start(#"{"prompt": "a"}"#)
            #expect(await eventually { engine.statistics.running == 1 })
            for (index, wait) in [Wait.whole, .stream, .chat].enumerated() {
                let connection = try await test.client.start(wait.body, path: wait.path)
                #expect(await eventually { engine.statistics.waiting == 1 })
                end.apply(to: connection)
                #expect(
                    await eventually(within: Self.patience) {
                        engine.statistics.waiting == 0
                            && engine.statistics.cancelledRequests == index + 1
                    })
                #expect(engine.statistics.running == 1)
                if end == .halfClose { connection.close() }
            }
            first.close()
            #expect(await Self.isIdle(engine))
        }
    }

    @Test("all texts of a request end with it")
    func several() async throws {
        let engine = try StubEngine(slots: 4, script: .steady)
        try await TestServer.with(engine: engine) { test in
            let connection = try await test.client.start(
                #"{"prompt": ["a", "b"], "n": 5, "max_tokens": 400, "stream": true}"#)
            _ = try await connection.read(until: "\"A\"")
            #expect(engine.statistics.running + engine.statistics.waiting == 10)
            connection.close()
            #expect(await Self.isIdle(engine))
            #expect(engine.statistics.cancelledRequests == 10)
        }
    }

    @Test("a client that goes before its body has come starts nothing", arguments: End.allCases)
    func receiving(end: End) async throws {
        let engine = try StubEngine()
        try await TestServer.with(engine: engine) { test in
            let connection = try await test.client.open()
            try await connection.send(
                "POST /v1/completions HTTP/1.1\r\nContent-Type: application/json\r\n"
                    + "Content-Length: 100\r\n\r\n{\"prompt\": ")
            #expect(await eventually { !test.server.bodies.isWhole })
            end.apply(to: connection)
            #expect(await eventually { test.server.metrics.counts.open == 0 })
            if end == .halfClose { connection.close() }
            #expect(await eventually { test.server.bodies.isWhole })
            #expect(engine.requests.isEmpty)
            #expect(await eventually { test.log.lines.count == 1 })
            #expect(test.log.lines[0].contains(" status=499 "), "\(test.log.lines)")
            try await BadRequest.checkServes(test.client)
        }
    }

    @Test("200 clients that go at random moments leave nothing behind")
    func random() async throws {
        let engine = try StubEngine(slots: 4, script: .steady)
        try await TestServer.with(engine: engine) { test in
            var random = SplitMix(seed: 7)
            for round in 0..<10 {
                let plans = (0..<20).map { _ in
                    (
                        wait: [Wait.whole, .stream, .chat].randomElement(using: &random)!,
                        end: [End.close, .reset].randomElement(using: &random)!,
                        delay: Int.random(in: 0...30, using: &random)
                    )
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for plan in plans {
                        group.addTask {
                            let connection = try await test.client.start(
                                plan.wait.body, path: plan.wait.path)
                            try await Task.sleep(for: .milliseconds(plan.delay))
                            plan.end.apply(to: connection)
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(await Self.isIdle(engine), "round \(round)")
            }
            #expect(await eventually { test.server.metrics.counts.open == 0 })
            #expect(test.server.bodies.isWhole)
        }
    }
}

extension BodyBudget {
    /// Whether nothing has been taken, by the usual limit.
    var isWhole: Bool {
        let all = ServerLimits().allBodyBytes
        guard take(all) else { return false }
        give(all)
        return true
    }
}
