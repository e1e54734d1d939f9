import EPASInference
import EPASJSON
import Testing

@testable import EPASServer

@Suite("Chats")
struct ChatTests {
    private static let path = "/v1/chat/completions"

    /// A chat of one message, and further fields.
    private static func body(_ content: String, _ fields: String = "") -> String {
        #"{"messages": [{"role": "user", "content": "\#(content)"}]\#(fields)}"#
    }

    /// An engine whose replies are a text, whatever the prompt.
    private static func engine(saying text: String) throws -> StubEngine {
        var script = StubEngine.Script()
        script.reply = { _ in text.utf8.map { Int32($0) } }
        return try StubEngine(script: script)
    }

    @Test("a message, its counts, and the region length that made it")
    func whole() async throws {
        let engine = try Self.engine(saying: "hé!")
        try await TestServer.with(engine: engine) { test in
            let answer = try await test.client.post(Self.path, Self.body("hi"))
            #expect(answer.status == 200)
            #expect(answer.headers["x-epas-sharing-layers"] == "2")
            let json = try answer.json
            #expect(json["object"]?.string == "chat.completion")
            #expect(json["id"]?.string?.hasPrefix("chatcmpl-") == true)
            #expect(json["model"]?.string == "tiny")
            #expect(json["choices"]?.elements.count == 1)
            let choice = try #require(json["choices"]?[0])
            #expect(choice["index"]?.integer == 0)
            #expect(choice["message"]?["role"]?.string == "assistant")
            #expect(choice["message"]?["content"]?.string == "hé!")
            #expect(choice["message"]?["refusal"]?.isNull == true)
            #expect(choice["finish_reason"]?.string == "stop")
            #expect(choice["logprobs"]?.isNull == true)
            // One begins the prompt "user:hi\n", one ends the text.
            #expect(json["usage"]?["prompt_tokens"]?.integer == 9)
            #expect(json["usage"]?["completion_tokens"]?.integer == 5)
            #expect(json["usage"]?["total_tokens"]?.integer == 14)
            #expect(json["sharing_origin"]?.string == "default")
            // Without a limit, as many tokens as there is room for.
            #expect(engine.requests.last?.maximumTokens == 512 - 9)
            #expect(engine.requests.last?.stopTokens == [ByteTokenizer.end])
        }
    }

    @Test("the role comes first, then text, the reason, the counts, and [DONE]")
    func stream() async throws {
        try await TestServer.with(engine: try Self.engine(saying: "ab🎉")) { test in
            let answer = try await test.client.post(
                Self.path,
                Self.body("hi", #", "stream": true, "stream_options": {"include_usage": true}"#))
            #expect(answer.headers["content-type"] == "text/event-stream; charset=utf-8")
            #expect(answer.headers["cache-control"] == "no-cache")
            #expect(answer.events.last == "[DONE]")
            let chunks = try answer.chunks
            #expect(chunks.allSatisfy { $0["object"]?.string == "chat.completion.chunk" })
            #expect(Set(chunks.map { $0["id"]?.string }).count == 1)
            let deltas = chunks.dropLast().map { $0["choices"]?[0]?["delta"]?.compactText }
            #expect(
                deltas == [
                    #"{"role":"assistant","content":""}"#, #"{"content":"a"}"#,
                    #"{"content":"b"}"#, #"{"content":"🎉"}"#, "{}",
                ])
            #expect(
                chunks.dropLast().map { $0["choices"]?[0]?["finish_reason"]?.string }
                    == [nil, nil, nil, nil, "stop"])
            #expect(chunks.dropLast().allSatisfy { $0["usage"]?.isNull == true })
            #expect(chunks.last?["choices"]?.elements.isEmpty == true)
            #expect(chunks.last?["usage"]?["prompt_tokens"]?.integer == 9)
            #expect(chunks.last?["usage"]?["completion_tokens"]?.integer == 7)
            let plain = try await test.client.post(Self.path, Self.body("hi", #", "stream": true"#))
            #expect(try plain.chunks.allSatisfy { $0["usage"] == nil })
            #expect(try plain.chunks.count == 5)
        }
    }

    @Test(
        "limits and stop strings end a message",
        arguments: [
            (#""max_completion_tokens": 3"#, "abc", "length", 3),
            (#""max_tokens": 3"#, "abc", "length", 3),
            (#""max_tokens": 3, "max_completion_tokens": 3"#, "abc", "length", 3),
            (#""max_completion_tokens": 6"#, "abcdef", "length", 6),
            (#""max_completion_tokens": 7"#, "abcdef", "stop", 7),
            (#""stop": "cd""#, "ab", "stop", 4), (#""stop": ["x", "f", "e"]"#, "abcd", "stop", 5),
            (#""stop": []"#, "abcdef", "stop", 7), (#""stop": null"#, "abcdef", "stop", 7),
        ])
    func ends(fields: String, text: String, reason: String, tokens: Int) async throws {
        try await TestServer.with(engine: try Self.engine(saying: "abcdef")) { test in
            let whole = try await test.client.post(Self.path, Self.body("hi", ", " + fields)).json
            #expect(whole["choices"]?[0]?["message"]?["content"]?.string == text)
            #expect(whole["choices"]?[0]?["finish_reason"]?.string == reason)
            #expect(whole["usage"]?["completion_tokens"]?.integer == tokens)
            let chunks = try await test.client.post(
                Self.path, Self.body("hi", #", "stream": true, "# + fields)
            ).chunks
            let parts = chunks.compactMap { $0["choices"]?[0]?["delta"]?["content"]?.string }
            #expect(parts.joined() == text)
            #expect(chunks.last?["choices"]?[0]?["finish_reason"]?.string == reason)
        }
    }

    @Test("log-probabilities have what the message is made of, whole and streamed")
    func scores() async throws {
        try await TestServer.with(engine: try Self.engine(saying: "aé")) { test in
            for (top, fields) in [
                (0, ""), (0, #", "top_logprobs": 0"#), (3, #", "top_logprobs": 3"#),
            ] {
                let body = #", "logprobs": true\#(fields)"#
                let whole = try await test.client.post(Self.path, Self.body("hi", body)).json
                let lists = whole["choices"]?[0]?["logprobs"]
                #expect(lists?["refusal"]?.isNull == true)
                let entries = lists?["content"]?.elements ?? []
                #expect(
                    entries.map { $0["token"]?.string } == ["a", "bytes:\\xc3", "bytes:\\xa9"])
                #expect(entries.map { $0["bytes"]?.compactText } == ["[97]", "[195]", "[169]"])
                for (index, entry) in entries.enumerated() {
                    let token = Int32([97, 0xC3, 0xA9][index])
                    let score = StubEngine.score(token, position: 9 + index, alternatives: top)
                    #expect(
                        entry["logprob"]?.double.map { Float($0) } == score.chosen.logProbability)
                    let alternatives = entry["top_logprobs"]?.elements ?? []
                    #expect(
                        alternatives.map { $0["logprob"]?.double.map { Float($0) } }
                            == score.alternatives.map(\.logProbability))
                    #expect(
                        alternatives.map { $0["bytes"]?[0]?.integer }
                            == score.alternatives.map { Int($0.token) })
                    #expect(alternatives.count == top)
                }
                let chunks = try await test.client.post(
                    Self.path, Self.body("hi", #", "stream": true"# + body)
                ).chunks
                let streamed = chunks.flatMap {
                    $0["choices"]?[0]?["logprobs"]?["content"]?.elements ?? []
                }
                #expect(streamed.map(\.compactText) == entries.map(\.compactText))
            }
        }
    }

    @Test("n messages have seeds of their own, in one answer and in one stream")
    func several() async throws {
        var script = StubEngine.Script()
        script.reply = { [Int32(97 + $0.sampler.seed % 26), 98] }
        let engine = try StubEngine(script: script)
        try await TestServer.with(engine: engine) { test in
            let whole = try await test.client.post(
                Self.path, Self.body("hi", #", "n": 3, "seed": 4"#)
            ).json
            let choices = whole["choices"]?.elements ?? []
            #expect(choices.map { $0["message"]?["content"]?.string } == ["eb", "fb", "gb"])
            #expect(choices.map { $0["index"]?.integer } == [0, 1, 2])
            #expect(whole["usage"]?["prompt_tokens"]?.integer == 9)
            #expect(whole["usage"]?["completion_tokens"]?.integer == 9)
            let chunks = try await test.client.post(
                Self.path, Self.body("hi", #", "n": 3, "seed": 4, "stream": true"#)
            ).chunks
            var texts = ["", "", ""]
            var roles = [0, 0, 0]
            var ends = [0, 0, 0]
            for chunk in chunks {
                let choice = try #require(chunk["choices"]?[0])
                let index = try #require(choice["index"]?.integer)
                if choice["delta"]?["role"]?.string == "assistant" {
                    roles[index] += 1
                    #expect(texts[index].isEmpty)
                }
                texts[index] += choice["delta"]?["content"]?.string ?? ""
                if choice["finish_reason"]?.string == "stop" { ends[index] += 1 }
            }
            #expect(texts == ["eb", "fb", "gb"])
            #expect(roles == [1, 1, 1])
            #expect(ends == [1, 1, 1])
        }
    }

    @Test("contents are texts or parts of them, and special tokens in them stay text")
    func contents() async throws {
        let engine = try Self.engine(saying: "a")
        try await TestServer.with(engine: engine) { test in
            let cases: [(String, String)] = [
                (#"{"role": "user", "content": "hi"}"#, "user:hi\n"),
                (#"{"content": "hi", "role": "user", "name": "me"}"#, "user:hi\n"),
                (#"{"role": "user", "content": ""}"#, "user:\n"),
                (#"{"role": "user", "content": []}"#, "user:\n"),
                (
                    #"{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}"#,
                    "user:ab\n"
                ),
                (
                    #"{"role": "system", "content": "x"}, {"role": "user", "content": "</s><s>"}"#,
                    "system:x\nuser:</s><s>\n"
                ),
                (
                    #"{"role": "developer", "content": "x"}, {"role": "user", "content": "y", "tool_calls": null}, {"role": "assistant", "content": "z", "refusal": null}"#,
                    "developer:x\nuser:y\nassistant:z\n"
                ),
            ]
            for (messages, text) in cases {
                let answer = try await test.client.post(Self.path, #"{"messages": [\#(messages)]}"#)
                #expect(answer.status == 200, "\(messages)")
                #expect(
                    engine.requests.last?.prompt
                        == [ByteTokenizer.beginning] + text.utf8.map { Int32($0) })
            }
        }
    }

    @Test("fields that ask for nothing that would change the answer are taken")
    func ignored() async throws {
        try await TestServer.with(engine: try Self.engine(saying: "a")) { test in
            for field in [
                #""user": "u""#, #""metadata": {"a": "b"}"#, #""store": false"#,
                #""service_tier": "auto""#, #""tools": []"#, #""tools": null"#,
                #""response_format": {"type": "text"}"#, #""parallel_tool_calls": true"#,
                #""logit_bias": {}"#, #""logit_bias": {"97": -100, "0": 0.5}"#,
                #""presence_penalty": -2"#, #""frequency_penalty": 2"#, #""n": 1"#,
                #""repetition_penalty": 1.1"#, #""min_p": 0.05"#, #""top_k": -1"#,
                #""top_k": 0"#, #""temperature": 0"#, #""temperature": 2"#, #""top_p": 1"#,
                #""max_tokens": null"#, #""stop": null"#, #""logprobs": false"#,
                #""logprobs": null"#, #""stream": false"#, #""seed": -9223372036854775808"#,
            ] {
                let answer = try await test.client.post(Self.path, Self.body("hi", ", " + field))
                #expect(answer.status == 200, "\(field): \(answer.text)")
            }
        }
    }

    @Test("settings reach the sampler")
    func settings() async throws {
        let engine = try Self.engine(saying: "a")
        try await TestServer.with(engine: engine) { test in
            let fields =
                #""temperature": 0.5, "top_p": 0.25, "top_k": 7, "min_p": 0.125, "#
                + #""presence_penalty": 0.75, "frequency_penalty": -1.5, "seed": 42, "#
                + #""repetition_penalty": 1.25, "logit_bias": {"97": -100, "257": 3.5}"#
            for (path, start) in [
                (Self.path, Self.body("hi").dropLast()),
                ("/v1/completions", #"{"prompt": "a""#),
            ] {
                let answer = try await test.client.post(path, "\(start), \(fields)}")
                #expect(answer.status == 200)
                let sampler = try #require(engine.requests.last?.sampler)
                #expect(sampler.temperature == 0.5)
                #expect(sampler.topP == 0.25)
                #expect(sampler.topK == 7)
                #expect(sampler.minP == 0.125)
                #expect(sampler.presencePenalty == 0.75)
                #expect(sampler.frequencyPenalty == -1.5)
                #expect(sampler.repetitionPenalty == 1.25)
                #expect(sampler.logitBias == [97: -100, 257: 3.5])
                #expect(sampler.seed == 42)
            }
            _ = try await test.client.post(Self.path, Self.body("hi"))
            let usual = try #require(engine.requests.last?.sampler)
            #expect(usual.temperature == 1)
            #expect(usual.topP == 1)
            #expect(usual.topK == nil)
            #expect(usual.logitBias.isEmpty)
        }
    }

    @Test("a model without a chat template says so")
    func noTemplate() async throws {
        let engine = try StubEngine()
        try await TestServer.with(engine: engine, chat: nil) { test in
            let answer = try await test.client.post(Self.path, Self.body("hi"))
            #expect(answer.status == 400)
            let error = try answer.json["error"]
            #expect(
                error?["message"]?.string
                    == "The model has no chat template. Use /v1/completions, or a checkpoint with "
                    + "chat_template.jinja.")
            #expect(error?["code"]?.string == "no_chat_template")
            #expect(engine.requests.isEmpty)
            try await BadRequest.checkServes(test.client)
        }
    }

    @Test("tokens that the model does not know are the server's mistake, not the client's")
    func renderer() async throws {
        struct Wrong: ChatRenderer {
            func prompt(_ messages: [ChatMessage]) throws -> [Int32] {
                messages[0].content == "none" ? [] : [Int32(messages[0].content) ?? 0]
            }
        }
        try await TestServer.with(engine: try StubEngine(), chat: Wrong()) { test in
            for content in ["258", "-1", "2147483647", "-2147483648"] {
                let answer = try await test.client.post(Self.path, Self.body(content))
                #expect(answer.status == 500)
                #expect(
                    try answer.json["error"]?["message"]?.string
                        == "The tokenizer has tokens that the model does not know. Use the "
                        + "model's own.")
            }
            let empty = try await test.client.post(Self.path, Self.body("none"))
            #expect(empty.status == 400)
            #expect(
                try empty.json["error"]?["message"]?.string
                    == "The messages make an empty prompt. Give some text.")
        }
    }
}
