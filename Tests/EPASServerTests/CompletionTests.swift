import EPASInference
import EPASJSON
import Testing

@testable import EPASServer

@Suite("Completions")
struct CompletionTests {
    @Test("a text, its counts, and the region length that made it")
    func text() async throws {
        try await TestServer.with(engine: try StubEngine()) { test in
            let answer = try await test.client.post(
                "/v1/completions",
                #"{"model": "tiny", "prompt": "abc", "max_tokens": 8, "temperature": 0}"#)
            #expect(answer.status == 200)
            #expect(answer.headers["x-epas-sharing-layers"] == "2")
            let json = try answer.json
            #expect(json["object"]?.string == "text_completion")
            #expect(json["id"]?.string?.hasPrefix("cmpl-") == true)
            #expect(json["model"]?.string == "tiny")
            #expect(json["choices"]?[0]?["text"]?.string == "cba")
            #expect(json["choices"]?[0]?["finish_reason"]?.string == "stop")
            #expect(json["choices"]?[0]?["logprobs"]?.isNull == true)
            // The token that ended the text was generated too; one begins the prompt.
            #expect(json["usage"]?["prompt_tokens"]?.integer == 4)
            #expect(json["usage"]?["completion_tokens"]?.integer == 4)
            #expect(json["usage"]?["total_tokens"]?.integer == 8)
            #expect(json["sharing_layers"]?.integer == 2)
            #expect(json["sharing_origin"]?.string == "default")
            #expect(json["system_fingerprint"]?.string == "epas-float32-qk:2")
        }
    }

    @Test(
        "prompts in every form, tokens as they are",
        arguments: [
            (#""ab""#, ["ba"], [[256, 97, 98]]),
            (#"["ab", "c"]"#, ["ba", "c"], [[256, 97, 98], [256, 99]]),
            ("[97, 98]", ["ba"], [[97, 98]]),
            ("[[97, 98], [99]]", ["ba", "c"], [[97, 98], [99]]),
            (#""""#, [""], [[256]]),
        ] as [(String, [String], [[Int32]])])
    func prompts(prompt: String, texts: [String], tokens: [[Int32]]) async throws {
        let engine = try StubEngine()
        try await TestServer.with(engine: engine) { test in
            let answer = try await test.client.post(
                "/v1/completions", #"{"model": "tiny", "prompt": \#(prompt)}"#)
            let choices = try answer.json["choices"]?.elements ?? []
            #expect(choices.map { $0["text"]?.string } == texts)
            #expect(choices.map { $0["index"]?.integer } == Array(texts.indices))
            #expect(engine.requests.map(\.prompt) == tokens)
        }
    }

    @Test("n texts per prompt have seeds of their own, in order")
    func several() async throws {
        let engine = try StubEngine()
        try await TestServer.with(engine: engine) { test in
            let answer = try await test.client.post(
                "/v1/completions", #"{"prompt": ["ab", "c"], "n": 3, "seed": -1}"#)
            let choices = try answer.json["choices"]?.elements ?? []
            #expect(choices.map { $0["text"]?.string } == ["ba", "ba", "ba", "c", "c", "c"])
            #expect(choices.map { $0["index"]?.integer } == [0, 1, 2, 3, 4, 5])
            #expect(
                engine.requests.map(\.sampler.seed)
                    == [UInt64.max, 0, 1, UInt64.max, 0, 1])
            #expect(try answer.json["usage"]?["prompt_tokens"]?.integer == 5)
        }
    }

    @Test("best_of returns the likeliest texts, likeliest first")
    func best() async throws {
        var script = StubEngine.Script()
        script.reply = { request in [[102], [98], [97, 97], [100]][Int(request.sampler.seed % 4)] }
        try await TestServer.with(engine: try StubEngine(script: script)) { test in
            let answer = try await test.client.post(
                "/v1/completions",
                #"{"prompt": [1], "n": 2, "best_of": 4, "seed": 0, "max_tokens": 1}"#)
            // Token % 7 decides: 98 % 7 is 0, 100 % 7 is 2, 102 % 7 is 4, 97 % 7 is 6.
            let choices = try answer.json["choices"]?.elements ?? []
            #expect(choices.map { $0["text"]?.string } == ["b", "d"])
            #expect(choices.map { $0["index"]?.integer } == [0, 1])
            #expect(choices.allSatisfy { $0["logprobs"]?.isNull == true })
            #expect(try answer.json["usage"]?["completion_tokens"]?.integer == 4)
        }
    }

    @Test("echo without log-probabilities")
    func echo() async throws {
        try await TestServer.with(engine: try StubEngine()) { test in
            let answer = try await test.client.post(
                "/v1/completions", #"{"prompt": "héé", "echo": true, "max_tokens": 0}"#)
            #expect(try answer.json["choices"]?[0]?["text"]?.string == "héé")
            #expect(try answer.json["choices"]?[0]?["finish_reason"]?.string == "length")
        }
    }

    @Test(
        "a stop string ends the text wherever tokens divide it",
        arguments: [
            (["STOP"], "one STOP two", "one ", "stop"),
            (["o"], "one", "", "stop"),
            (["xyz", "e t", "e"], "one two", "on", "stop"),
            (["é"], "caféé", "caf", "stop"),
            (["aab"], "aaab", "a", "stop"),
            (["zzz"], "one zz", "one zz", "stop"),
            (["\n\n"], "line\n\nnext", "line", "stop"),
            (["🎉"], "ab🎊🎉", "ab🎊", "stop"),
        ])
    func stops(stops: [String], reply: String, text: String, reason: String) async throws {
        var script = StubEngine.Script()
        script.reply = { _ in reply.utf8.map { Int32($0) } }
        let engine = try StubEngine(script: script)
        try await TestServer.with(engine: engine) { test in
            let list = JSONValue.array(stops.map { .string($0) }).compactText
            for streams in [false, true] {
                let answer = try await test.client.post(
                    "/v1/completions",
                    #"{"prompt": "p", "stop": \#(list), "max_tokens": 99, "stream": \#(streams)}"#)
                if streams {
                    let chunks = try answer.chunks
                    #expect(
                        chunks.compactMap { $0["choices"]?[0]?["text"]?.string }.joined() == text)
                    #expect(
                        chunks.last?["choices"]?[0]?["finish_reason"]?.string == reason)
                } else {
                    #expect(try answer.json["choices"]?[0]?["text"]?.string == text)
                    #expect(
                        try answer.json["choices"]?[0]?["finish_reason"]?.string == reason)
                }
            }
        }
    }

    @Test("a stop string gives the text's slot up at once, though others go on")
    func stopFreesSlot() async throws {
        var script = StubEngine.Script()
        script.reply = { request in
            request.prompt == [1]
                ? [Int32](repeating: 65, count: 500)
                : [Int32](
                    repeating: 66, count: 500)
        }
        script.tokenTime = .milliseconds(4)
        let engine = try StubEngine(script: script)
        try await TestServer.with(engine: engine) { test in
            async let answer = test.client.post(
                "/v1/completions",
                #"{"prompt": [[1], [2]], "stop": ["AA"], "max_tokens": 400}"#)
            #expect(
                await eventually { engine.statistics.cancelledRequests == 1 })
            #expect(engine.statistics.running == 1)
            let choices = try await answer.json["choices"]?.elements ?? []
            #expect(choices.map { $0["finish_reason"]?.string } == ["stop", "length"])
            #expect(choices.map { $0["text"]?.string?.count } == [0, 400])
        }
    }
}
