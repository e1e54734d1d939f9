import EPASInference
import Testing

@testable import EPASServer

/// What Prometheus reads from a text, and what it would refuse about it.
///
/// Source: <https://prometheus.io/docs/instrumenting/exposition_formats/>
private struct Exposition {
    struct Unreadable: Error {
        let line: Substring
    }

    /// Values by name and labels, as they are written.
    private(set) var values: [String: Double] = [:]
    private(set) var types: [String: String] = [:]
    /// The buckets of each histogram in order.
    private(set) var buckets: [String: [(bound: Double, count: Double)]] = [:]

    init(_ text: String) throws {
        guard text.hasSuffix("\n") else { throw Unreadable(line: "no line feed at the end") }
        var helped: Set<String> = []
        for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false) {
            if let match = line.wholeMatch(of: /# HELP ([a-z_]+) (.+)/) {
                guard helped.insert("\(match.1)").inserted else { throw Unreadable(line: line) }
            } else if let match = line.wholeMatch(of: /# TYPE ([a-z_]+) (counter|gauge|histogram)/)
            {
                // After its help, before its samples, once.
                guard helped.contains("\(match.1)"),
                    types.updateValue("\(match.2)", forKey: "\(match.1)") == nil
                else { throw Unreadable(line: line) }
            } else {
                try read(line)
            }
        }
    }

    private mutating func read(_ line: Substring) throws {
        guard
            let match = line.wholeMatch(
                of: /([a-z_]+)(\{[a-z_]+="[^"\\]*"(?:,[a-z_]+="[^"\\]*")*\})? ([-+0-9.einfa]+)/),
            let value = Double(match.3)
        else { throw Unreadable(line: line) }
        let name = "\(match.1)"
        let family = ["_bucket", "_sum", "_count"].lazy.compactMap { suffix in
            name.hasSuffix(suffix) ? String(name.dropLast(suffix.count)) : nil
        }.first { types[$0] == "histogram" }
        guard types[family ?? name] != nil,
            values.updateValue(value, forKey: name + (match.2 ?? "")) == nil
        else { throw Unreadable(line: line) }
        if let family, name.hasSuffix("_bucket") {
            guard let labels = match.2, let bound = labels.wholeMatch(of: /\{le="(.+)"\}/),
                let number = Double(bound.1)
            else { throw Unreadable(line: line) }
            buckets[family, default: []].append((number, value))
        }
    }

    subscript(key: String) -> Double? { values[key] }
}

@Suite("Metrics")
struct MetricsTests {
    private static func metrics(_ test: TestServer) async throws -> Exposition {
        let answer = try await test.client.get("/metrics")
        #expect(answer.status == 200)
        #expect(answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
        return try Exposition(answer.text)
    }

    @Test("the text is Prometheus' format, before and after requests")
    func format() async throws {
        try await TestServer.with(engine: try StubEngine()) { test in
            for round in 0..<3 {
                let metrics = try await Self.metrics(test)
                #expect(metrics.types.count > 25)
                #expect(
                    metrics.buckets.keys.sorted() == [
                        "epas_first_token_seconds", "epas_request_seconds", "epas_token_seconds",
                    ])
                for (name, buckets) in metrics.buckets {
                    #expect(buckets.count == 16)
                    #expect(buckets.last?.bound == .infinity)
                    #expect(buckets.last?.count == metrics["\(name)_count"])
                    #expect(metrics["\(name)_sum"]?.isFinite == true)
                    for (left, right) in zip(buckets, buckets.dropFirst()) {
                        #expect(left.bound < right.bound)
                        #expect(left.count <= right.count)
                    }
                }
                for (name, type) in metrics.types where type == "counter" {
                    #expect(name.hasSuffix("_total"))
                }
                #expect((metrics["process_resident_memory_bytes"] ?? 0) > 1_000_000)
                try await BadRequest.checkServes(test.client)
                let n = try await test.client.post(
                    "/v1/completions", #"{"prompt": "ab", "n": \#(round + 1), "stream": true}"#)
                #expect(n.status == 200)
                _ = try await test.client.post("/v1/completions", "{")
                _ = try await test.client.get("/nothing\"\\{}")
                _ = try await test.client.exchange(Array("GARBAGE\r\n\r\n".utf8))
            }
        }
    }

    @Test("counters move by what happened")
    func counters() async throws {
        let engine = try StubEngine(slots: 3)
        try await TestServer.with(engine: engine) { test in
            let before = try await Self.metrics(test)
            #expect(before["epas_slots"] == 3)
            #expect(before["epas_sharing_layers"] == 2)
            try await BadRequest.checkServes(test.client)
            for body in [
                #"{"prompt": "ab", "n": 3, "sharing_layers": 4}"#,
                #"{"prompt": "ab", "n": 2, "stream": true}"#,
            ] {
                #expect(try await test.client.post("/v1/completions", body).status == 200)
            }
            _ = try await test.client.post(
                "/v1/chat/completions", #"{"messages": [{"role": "user", "content": ""}]}"#)
            _ = try await test.client.post("/v1/completions", "{")
            _ = try await test.client.post("/v1/completions", "{")
            _ = try await test.client.get("/v1/models/other")
            _ = try await test.client.get("/nothing")
            _ = try await test.client.exchange(Array("GARBAGE\r\n\r\n".utf8))
            #expect(await eventually { test.log.lines.count == 9 })

            let after = try await Self.metrics(test)
            func count(_ route: String, _ status: Int) -> Double? {
                after[
                    "epas_http_requests_total{route=\"\(route)\",status=\"\(status)\"}"]
            }
            #expect(count("completions", 200) == 3)
            #expect(count("completions", 400) == 2)
            #expect(count("chat_completions", 200) == 1)
            #expect(count("model", 404) == 1)
            #expect(count("unknown", 404) == 1)
            #expect(count("malformed", 400) == 1)
            #expect(count("metrics", 200) == 1)
            #expect(after["epas_texts_total{sharing_layers=\"2\"}"] == 4)
            #expect(after["epas_texts_total{sharing_layers=\"4\"}"] == 3)
            #expect(after["epas_finished_total"] == 7)
            // The first one's own, eight that the log has, and this one's is still open.
            #expect(after["epas_request_seconds_count"] == 9)
            #expect(after["epas_first_token_seconds_count"] == 7)
            // The gaps of a text of 3 tokens, of five of 2 and of one of 6.
            #expect(after["epas_token_seconds_count"] == 12)
            #expect(after["epas_connections_total"] == 11)
            #expect((after["epas_connections"] ?? 0) >= 1)
            #expect(after["epas_running"] == 0)
            #expect(after["epas_waiting"] == 0)
            for (name, type) in after.types where type == "counter" {
                #expect((after[name] ?? 0) >= (before[name] ?? 0), "\(name)")
            }
        }
    }

    @Test("gauges say what runs and waits, counters who has gone")
    func gauges() async throws {
        let engine = try StubEngine(slots: 1, script: .hanging)
        try await TestServer.with(engine: engine) { test in
            var connections: [TestConnection] = []
            for _ in 0..<3 {
                connections.append(try await test.client.start(#"{"prompt": "a"}"#))
            }
            #expect(await eventually { engine.statistics.waiting == 2 })
            let busy = try await Self.metrics(test)
            #expect(busy["epas_running"] == 1)
            #expect(busy["epas_waiting"] == 2)
            #expect((busy["epas_connections"] ?? 0) >= 4)
            for connection in connections { connection.close() }
            #expect(await eventually { engine.statistics.cancelledRequests == 3 })
            #expect(await eventually { test.server.metrics.counts.disconnects == 3 })
            let idle = try await Self.metrics(test)
            #expect(idle["epas_running"] == 0)
            #expect(idle["epas_waiting"] == 0)
            #expect(idle["epas_cancelled_total"] == 3)
            #expect(idle["epas_disconnects_total"] == 3)
            #expect(
                idle["epas_http_requests_total{route=\"completions\",status=\"499\"}"] == 3)
        }
    }

    @Test("values fall into the bucket whose bound they do not pass")
    func buckets() {
        var histogram = ServerMetrics.Histogram()
        for bound in ServerMetrics.bounds {
            histogram.add(bound)
            histogram.add(bound.nextUp)
        }
        #expect(histogram.counts == [1] + [Int](repeating: 2, count: 14) + [1])
        #expect(histogram.counts.count == ServerMetrics.bounds.count + 1)
    }
}
