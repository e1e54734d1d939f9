import EPASInference
import EPASJSON
import Testing

@testable import EPASServer

@Suite("Streams")
struct StreamTests {
    @Test("chunks make the text, the last has the reason, and [DONE] ends the stream")
    func completion() async throws {
        try await TestServer.with(engine: try StubEngine()) { test in
            let answer = try await test.client.post(
                "/v1/completions",
                #"{"prompt": "dcba", "stream": true, "stream_options": {"include_usage": true}}"#)
            #expect(answer.headers["content-type"] == "text/event-stream; charset=utf-8")
            #expect(answer.events.last == "[DONE]")
            let chunks = try answer.chunks
            #expect(chunks.allSatisfy { $0["id"]?.string?.isEmpty == false })
            #expect(Set(chunks.map { $0["id"]?.string }).count == 1)
            #expect(chunks.allSatisfy { $0["object"]?.string == "text_completion" })
            let texts = chunks.dropLast().map { $0["choices"]?[0]?["text"]?.string }
            #expect(texts == ["a", "b", "c", "d", ""])
            #expect(chunks.dropLast().allSatisfy { $0["usage"]?.isNull == true })
            #expect(
                chunks.dropLast().map { $0["choices"]?[0]?["finish_reason"]?.string }
                    == [nil, nil, nil, nil, "stop"])
            #expect(chunks.last?["choices"]?.elements.isEmpty == true)
            #expect(chunks.last?["usage"]?["completion_tokens"]?.integer == 5)
            #expect(chunks.last?["usage"]?["prompt_tokens"]?.integer == 5)
        }
    }

    @Test("characters of several tokens arrive whole")
    func characters() async throws {
        var script = StubEngine.Script()
        script.reply = { _ in "aé🎉".utf8.map { Int32($0) } }
        try await TestServer.with(engine: try StubEngine(script: script)) { test in
            let answer = try await test.client.post(
                "/v1/completions", #"{"prompt": "x", "stream": true}"#)
            let texts = try answer.chunks.compactMap { $0["choices"]?[0]?["text"]?.string }
            #expect(texts.filter { !$0.isEmpty } == ["a", "é", "🎉"])
        }
    }

    @Test("several texts in one stream, each with its index")
    func several() async throws {
        try await TestServer.with(engine: try StubEngine()) { test in
            let answer = try await test.client.post(
                "/v1/completions", #"{"prompt": ["ab", "cd"], "n": 2, "stream": true}"#)
            var texts = [String](repeating: "", count: 4)
            var ends = 0
            for chunk in try answer.chunks {
                let choice = try #require(chunk["choices"]?[0])
                texts[try #require(choice["index"]?.integer)] += choice["text"]?.string ?? ""
                if choice["finish_reason"]?.string == "stop" { ends += 1 }
            }
            #expect(texts == ["ba", "ba", "dc", "dc"])
            #expect(ends == 4)
        }
    }

    @Test("chunks with log-probabilities add up to those of the whole answer")
    func scores() async throws {
        try await TestServer.with(engine: try StubEngine()) { test in
            for extra in ["", #", "echo": true"#, #", "stop": ["b"]"#] {
                let body = #""prompt": "xabc", "logprobs": 2, "max_tokens": 9\#(extra)"#
                let whole = try await test.client.post("/v1/completions", "{\(body)}").json
                let parts = try await test.client.post(
                    "/v1/completions", #"{\#(body), "stream": true}"#
                ).chunks
                for name in ["tokens", "token_logprobs", "top_logprobs", "text_offset"] {
                    let expected =
                        whole["choices"]?[0]?["logprobs"]?[name]?.elements.map(\.compactText) ?? []
                    let found = parts.flatMap {
                        $0["choices"]?[0]?["logprobs"]?[name]?.elements.map(\.compactText) ?? []
                    }
                    #expect(found == expected, "\(name) with \(extra)")
                    #expect(!expected.isEmpty)
                }
            }
        }
    }

    @Test("an engine that fails in the middle is an event")
    func failure() async throws {
        var script = StubEngine.Script()
        script.failsAfter = 2
        try await TestServer.with(engine: try StubEngine(script: script)) { test in
            let answer = try await test.client.post(
                "/v1/completions", #"{"prompt": "abcd", "stream": true}"#)
            #expect(answer.status == 200)
            let chunks = try answer.chunks
            #expect(
                chunks.last?["error"]?["message"]?.string == "The device is gone. Restart.")
            #expect(chunks.last?["error"]?["type"]?.string == "server_error")
            #expect(answer.events.last == "[DONE]")
            let whole = try await test.client.post("/v1/completions", #"{"prompt": "abcd"}"#)
            #expect(whole.status == 500)
            #expect(
                try whole.json["error"]?["message"]?.string == "The device is gone. Restart.")
        }
    }

    @Test("several requests on one connection")
    func keepAlive() async throws {
        try await TestServer.with(engine: try StubEngine()) { test in
            let connection = try await test.client.open()
            defer { connection.close() }
            for text in ["ab", "cd", "ef"] {
                let body = #"{"prompt": "\#(text)", "stream": true}"#
                try await connection.send(
                    "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json"
                        + "\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
                let bytes = try await connection.read(until: "[DONE]\n\n\r\n0\r\n\r\n")
                let texts = try TestClient.parse(bytes).chunks.compactMap {
                    $0["choices"]?[0]?["text"]?.string
                }
                #expect(texts.joined() == String(text.reversed()))
            }
        }
    }
}
