import EPASInference
import EPASJSON
import EPASModel
import EPASTesting
import Testing

@testable import EPASServer

@Suite("Adaptive sharing")
struct AdaptiveShareTests {
    private static let high = AdaptiveShare.Load(running: 4, waiting: 3, slots: 4)
    private static let full = AdaptiveShare.Load(running: 4, waiting: 0, slots: 4)
    private static let middle = AdaptiveShare.Load(running: 3, waiting: 0, slots: 4)
    private static let low = AdaptiveShare.Load(running: 2, waiting: 0, slots: 4)
    private static let none = AdaptiveShare.Load(running: 0, waiting: 0, slots: 4)

    /// A share that is shown loads, ten times a second.
    private struct Run {
        var share: AdaptiveShare
        var time = 100.0

        init(_ share: AdaptiveShare) { self.share = share }

        /// The counts after each observation.
        mutating func counts(_ load: AdaptiveShare.Load, seconds: Double) -> [Int] {
            (0..<Int((seconds * 10).rounded())).map { _ in
                share.observe(load, at: time)
                time += 0.1
                return share.count
            }
        }
    }

    @Test("goes up step by step under load that lasts, as far as the maximum")
    func up() {
        for load in [Self.high, Self.full] {
            var run = Run(AdaptiveShare(from: 1, to: 4, patienceUp: 0.45, patienceDown: 5))
            let counts = run.counts(load, seconds: 3)
            #expect(counts.first == 1)
            #expect(counts.last == 4)
            #expect(zip(counts, counts.dropFirst()).allSatisfy { (0...1).contains($1 - $0) })
            // Each step after its patience: observations 0, 5, 10, 15.
            #expect(counts.firstIndex(of: 2) == 5)
            #expect(counts.firstIndex(of: 3) == 10)
            #expect(counts.firstIndex(of: 4) == 15)
        }
    }

    @Test("goes down after a quiet time, as far as the minimum")
    func down() {
        var run = Run(AdaptiveShare(from: 1, to: 3, patienceUp: 0.45, patienceDown: 1.95))
        #expect(run.counts(Self.high, seconds: 2).last == 3)
        let counts = run.counts(Self.low, seconds: 10)
        #expect(counts.firstIndex(of: 2) == 20)
        #expect(counts.firstIndex(of: 1) == 40)
        #expect(counts.last == 1)
        #expect(counts.allSatisfy { (1...3).contains($0) })
    }

    @Test("stays where the load is neither high nor low, or changes within its patience")
    func stays() {
        var run = Run(AdaptiveShare(from: 0, to: 5, patienceUp: 0.5, patienceDown: 5))
        _ = run.counts(Self.high, seconds: 1.3)
        let before = run.share.count
        #expect(before == 2)
        #expect(Set(run.counts(Self.middle, seconds: 30)) == [before])
        // Load that comes and goes faster than patience lets it act.
        for _ in 0..<40 {
            #expect(Set(run.counts(Self.high, seconds: 0.4)) == [before])
            #expect(Set(run.counts(Self.none, seconds: 4)) == [before])
        }
        for _ in 0..<40 {
            #expect(Set(run.counts(Self.high, seconds: 0.4)) == [before])
            #expect(Set(run.counts(Self.middle, seconds: 0.1)) == [before])
        }
    }

    @Test("never turns around within its patience, whatever the load does")
    func turns() {
        var random = SplitMix(seed: 11)
        for _ in 0..<200 {
            var share = AdaptiveShare(
                from: Int.random(in: 0...2, using: &random),
                to: Int.random(in: 2...9, using: &random),
                step: Int.random(in: 1...3, using: &random), patienceUp: 0.5, patienceDown: 2)
            var time = 0.0
            var changes: [(time: Double, by: Int)] = []
            for _ in 0..<400 {
                let load = AdaptiveShare.Load(
                    running: Int.random(in: 0...4, using: &random),
                    waiting: max(0, Int.random(in: -5...3, using: &random)), slots: 4)
                for _ in 0..<Int.random(in: 1...30, using: &random) {
                    let before = share.count
                    share.observe(load, at: time)
                    #expect((share.minimum...share.maximum).contains(share.count))
                    let change = share.count - before
                    #expect(abs(change) <= share.step)
                    if change != 0 {
                        if let last = changes.last {
                            let patience = change > 0 ? share.patienceUp : share.patienceDown
                            #expect(time - last.time >= patience - 1e-9)
                        }
                        changes.append((time, change))
                    }
                    time += 0.1
                }
            }
            #expect(changes.isEmpty == (share.minimum == share.maximum))
        }
    }

    @Test("one slot is either free or taken")
    func oneSlot() {
        var run = Run(AdaptiveShare(from: 0, to: 1, patienceUp: 0.5, patienceDown: 0.5))
        let taken = AdaptiveShare.Load(running: 1, waiting: 0, slots: 1)
        let free = AdaptiveShare.Load(running: 0, waiting: 0, slots: 1)
        #expect(run.counts(taken, seconds: 1).last == 1)
        #expect(run.counts(free, seconds: 1).last == 0)
    }

    @Test("answers say that load chose; a request that fixes its length keeps it")
    func server() async throws {
        let engine = try StubEngine(slots: 2, script: .steady)
        var options = ServerOptions()
        options.adaptiveShare = AdaptiveShare(
            from: 2, to: 5, patienceUp: 0.05, patienceDown: 0.05)
        try await TestServer.with(engine: engine, options: options) { test in
            let start = try await Self.opening(test, #""n": 1"#)
            #expect(start.json["sharing_origin"]?.string == "default")
            #expect(start.json["sharing_layers"]?.integer == 2)
            start.connection.close()
            #expect(await eventually { engine.statistics.running == 0 })
            let busy = try await test.client.start(
                #"{"prompt": "a", "n": 4, "max_tokens": 500, "sharing_layers": 2}"#)
            #expect(await eventually { test.server.loadCount == 5 })
            #expect(
                try await test.client.get("/metrics").text.contains("\nepas_sharing_layers 5\n"))

            let loaded = try await Self.opening(test, #""model": "tiny""#)
            #expect(loaded.json["sharing_origin"]?.string == "load")
            #expect(loaded.json["sharing_layers"]?.integer == 5)
            #expect(loaded.json["system_fingerprint"]?.string == "epas-float32-qk:5")
            #expect(engine.requests.last?.plan.sources.count == 5)
            let fixed = try await Self.opening(test, #""sharing_layers": 1"#)
            #expect(fixed.json["sharing_origin"]?.string == "request")
            #expect(fixed.json["sharing_layers"]?.integer == 1)
            let alias = try await Self.opening(test, #""model": "tiny@share=2""#)
            #expect(alias.json["sharing_origin"]?.string == "request")
            #expect(alias.json["sharing_layers"]?.integer == 2)

            for connection in [busy, loaded.connection, fixed.connection, alias.connection] {
                connection.close()
            }
            #expect(await eventually { test.server.loadCount == 2 })
            let end = try await Self.opening(test, #""n": 1"#)
            #expect(end.json["sharing_origin"]?.string == "default")
            end.connection.close()
        }
    }

    /// Starts a stream and returns its first chunk, which a chat's comes with before any token.
    private static func opening(
        _ test: TestServer, _ field: String
    ) async throws -> (connection: TestConnection, json: JSONValue) {
        let connection = try await test.client.start(
            #"{"messages": [{"role": "user", "content": "a"}], "stream": true, \#(field)}"#,
            path: "/v1/chat/completions")
        let bytes = try await connection.read(until: "\"finish_reason\":null")
        let chunk = try #require(TestClient.parse(bytes).chunks.first)
        return (connection, chunk)
    }
}
