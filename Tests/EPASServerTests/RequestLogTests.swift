import EPASJSON
import Testing

@testable import EPASServer

@Suite("The log")
struct RequestLogTests {
    @Test("a line per request, with what it cost and the length that served it")
    func line() async throws {
        try await TestServer.with(engine: try StubEngine()) { test in
            let answer = try await test.client.post("/v1/completions", #"{"prompt": "abc"}"#)
            let id = try #require(answer.headers["x-request-id"])
            #expect(try answer.json["id"]?.string == "cmpl-\(id)")
            let line = try #require(test.log.lines.first)
            #expect(
                line.wholeMatch(
                    of:
                        /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ POST \/v1\/completions status=200 seconds=\d+\.\d{4} prompt_tokens=4 cached_tokens=0 new_tokens=4 share=qk:2 id=[0-9a-f]{24}/
                ) != nil, "\(line)")
            #expect(line.hasSuffix("id=\(id)"))
            _ = try await test.client.post("/v1/completions", "{")
            #expect(test.log.lines.last?.contains(" status=400 ") == true)
            #expect(test.log.lines.last?.contains("share=") == false)
            let stream = try await test.client.post(
                "/v1/completions", #"{"prompt": "ab", "stream": true}"#)
            #expect(stream.status == 200)
            #expect(await eventually { test.log.lines.count == 3 })
            #expect(test.log.lines[2].contains(" new_tokens=3 share=qk:2 "))
        }
    }

    @Test("what a client writes stays in its word of the line")
    func injection() async throws {
        try await TestServer.with(engine: try StubEngine()) { test in
            for path in ["/a%0Astatus=200", "/" + String(repeating: "x", count: 5000), "/\"a\"\\"] {
                _ = try await test.client.get(path)
            }
            let lines = test.log.lines
            #expect(lines.count == 3)
            for line in lines {
                #expect(!line.contains("\n"))
                #expect(line.split(separator: " ").count == 6)
                #expect(line.utf8.count < 400)
                #expect(line.contains(" status=404 "))
            }
        }
    }

    @Test("ids differ")
    func ids() async throws {
        try await TestServer.with(engine: try StubEngine()) { test in
            var ids: Set<String> = []
            for _ in 0..<50 {
                ids.insert(try await test.client.get("/health").headers["x-request-id"] ?? "")
            }
            #expect(ids.count == 50)
        }
    }
}
