import BasicContainers
import EPASArray
import EPASCheckpoint
import EPASInference
import EPASJSON
import EPASModel
import EPASRuntime
import EPASTesting
import Testing

@testable import EPASServer

/// The server on the engine, with a small random model that knows bytes.
@Suite("The server on the engine", .serialized)
struct EngineServerTests {
    private static let model = Result {
        try ModelConfig(
            layers: 4, width: 24, heads: 4, keyValueHeads: 2, headDimension: 8, feedForward: 40,
            vocabulary: 258, maximumSequence: 160, initializerRange: 0.3)
    }

    private static func engine(reusesPrefixes: Bool = true) throws -> Engine {
        let model = try model.get()
        let client = try EPASTesting.TestClient.shared
        var parameters = UniqueArray<DeviceBuffer>(minimumCapacity: model.parameters.count)
        for specification in model.parameters {
            parameters.append(
                try client.makeBuffer(model.initialValue(of: specification, seed: 5)))
        }
        var options = EngineOptions()
        options.slots = 8
        options.promptChunk = 64
        options.reusesPrefixes = reusesPrefixes
        return try Engine(
            model, parameters: parameters, client: client, computeType: .float32,
            options: options)
    }

    /// Runs a server on an engine of its own, which is at rest again afterwards.
    private static func with(
        reusesPrefixes: Bool = true, _ body: (TestServer, Engine) async throws -> Void
    ) async throws {
        let engine = try engine(reusesPrefixes: reusesPrefixes)
        defer { engine.shutDown() }
        let sharing = try ServedSharing(
            PublishedSharing(kind: "qk", layers: 2, maximumLayers: 3), layers: 4)
        try await TestServer.with(engine: engine, sharing: sharing) { try await body($0, engine) }
        #expect(
            await eventually {
                let statistics = engine.statistics
                return statistics.running == 0 && statistics.waiting == 0
                    && statistics.usedBlocks == 0
            })
    }

    // MARK: - Requests beside each other

    private struct Request: Sendable {
        let path: String
        let body: String
        let streams: Bool
    }

    private static func requests(_ model: String, seed: UInt64) -> [Request] {
        var random = SplitMix(seed: seed)
        let common = (0..<40).map { _ in UInt8.random(in: 97...122, using: &random) }
        return (0..<40).map { index in
            // Some begin alike, so that they find each other's blocks.
            let start = index % 3 == 0 ? Int.random(in: 0...40, using: &random) : 0
            let length = [0, 1, 5, 30, 31, 33, 64, 90][index % 8]
            let tokens =
                common[..<start].map(Int.init)
                + (0...length).map { _ in Int.random(in: 0..<256, using: &random) }
            var fields = [
                #""model": "\#(model)""#, #""seed": \#(Int.random(in: 0...999, using: &random))"#,
                #""max_tokens": \#(Int.random(in: 1...12, using: &random))"#,
                #""temperature": \#([0, 0.7, 1, 2][index % 4])"#,
            ]
            let streams = index % 5 < 2
            if streams { fields.append(#""stream": true"#) }
            if index % 7 == 1 { fields.append(#""n": 3"#) }
            if index % 7 == 2 { fields.append(#""stop": ["a", "\u0001", "zz"]"#) }
            if index % 11 == 5 {
                fields.append(#""presence_penalty": 1.5, "logit_bias": {"257": 12, "3": -100}"#)
            }
            guard index % 9 != 8 else {
                if index % 2 == 0 { fields.append(#""logprobs": true, "top_logprobs": 2"#) }
                let text = String(repeating: "chat ", count: index / 4)
                fields.append(#""messages": [{"role": "user", "content": "\#(text)"}]"#)
                return Request(
                    path: "/v1/chat/completions", body: "{\(fields.joined(separator: ", "))}",
                    streams: streams)
            }
            if index % 4 == 1 { fields.append(#""logprobs": 3"#) }
            if index % 8 == 3 { fields.append(#""echo": true, "logprobs": 1"#) }
            if index % 10 == 9, !streams { fields.append(#""best_of": 4"#) }
            fields.append(
                index % 6 == 5
                    ? #""prompt": [\#(tokens), [1, 2, 3]]"# : #""prompt": \#(tokens)"#)
            return Request(
                path: "/v1/completions", body: "{\(fields.joined(separator: ", "))}",
                streams: streams)
        }
    }

    /// What an answer says without what differs from one time to another. Chunks of several
    /// texts come in any order, those of one text in one.
    private static func result(
        of request: Request, _ client: TestClient
    ) async throws -> [String] {
        let answer = try await client.post(request.path, request.body)
        guard answer.status == 200 else { return ["\(answer.status): \(answer.text)"] }
        guard request.streams else { return [timeless(try answer.json).compactText] }
        guard answer.events.last == "[DONE]" else { return ["no end: \(answer.text)"] }
        var choices: [Int: String] = [:]
        for chunk in try answer.chunks {
            let index = try #require(chunk["choices"]?[0]?["index"]?.integer)
            choices[index, default: ""] += timeless(chunk).compactText + "\n"
        }
        return choices.sorted { $0.key < $1.key }.map(\.value)
    }

    private static func timeless(_ json: JSONValue) -> JSONValue {
        switch json {
        case .object(let entries):
            .object(
                entries.filter { !["id", "created", "cached_tokens"].contains($0.0) }
                    .map { ($0.0, timeless($0.1)) })
        case .array(let elements): .array(elements.map(timeless))
        default: json
        }
    }

    @Test("requests beside 15 others are answered as alone, none is lost, at three lengths")
    func together() async throws {
        let models = ["tiny@share=0", "tiny@share=2", "tiny@share=kv:3"]
        let requests = models.enumerated().map { Self.requests($1, seed: UInt64($0)) }
        var alone: [[[String]]] = []
        try await Self.with(reusesPrefixes: false) { test, _ in
            for requests in requests {
                var results: [[String]] = []
                for request in requests {
                    results.append(try await Self.result(of: request, test.client))
                }
                alone.append(results)
            }
        }
        #expect(alone.joined().allSatisfy { !$0.isEmpty && !$0[0].hasPrefix("4") })
        // Random weights say something else at each length.
        #expect(Set(alone.map { $0.description }).count == 3)
        try await Self.with { test, engine in
            // The lengths one after another, then beside each other.
            let jobs =
                (0..<3).flatMap { length in (0..<20).map { (length: length, index: $0) } }
                + (20..<40).flatMap { index in (0..<3).map { (length: $0, index: index) } }
            let results = try await withThrowingTaskGroup(
                of: (length: Int, index: Int, result: [String]).self
            ) { group in
                var waiting = jobs[...]
                var results: [(length: Int, index: Int, result: [String])] = []
                for _ in 0..<16 {
                    guard let job = waiting.popFirst() else { break }
                    group.addTask { try await Self.run(job, requests, test.client) }
                }
                while let result = try await group.next() {
                    results.append(result)
                    if let job = waiting.popFirst() {
                        group.addTask { try await Self.run(job, requests, test.client) }
                    }
                }
                return results
            }
            #expect(results.count == jobs.count)
            for item in results {
                #expect(
                    item.result == alone[item.length][item.index],
                    "\(requests[item.length][item.index].body)")
            }
            #expect(engine.statistics.cachedTokens > 0)
            #expect(engine.statistics.failedRequests == 0)
            #expect(engine.statistics.decodeRows > engine.statistics.decodeRuns)
        }
    }

    private static func run(
        _ job: (length: Int, index: Int), _ requests: [[Request]], _ client: TestClient
    ) async throws -> (length: Int, index: Int, result: [String]) {
        (
            job.length, job.index,
            try await result(of: requests[job.length][job.index], client)
        )
    }

    // MARK: - Log-likelihoods

    @Test("echoed log-probabilities are what evaluation harnesses take for granted")
    func echo() async throws {
        var random = SplitMix(seed: 3)
        let lengths = [1, 2, 31, 32, 33, 64, 65, 100, 159]
        let prompts = lengths.map { count in
            (0..<count).map { _ in Int.random(in: 0..<258, using: &random) }
        }
        try await Self.with { test, _ in
            for (bias, alternatives) in [("", 1), (#", "logit_bias": {"257": 100}"#, 1), ("", 5)] {
                for model in ["tiny", "tiny@share=0", "tiny@share=kv:3"] {
                    let answer = try await test.client.post(
                        "/v1/completions",
                        #"{"model": "\#(model)", "prompt": \#(prompts), "temperature": 0, "#
                            + #""max_tokens": 1, "logprobs": \#(alternatives), "seed": 1234, "#
                            + #""echo": true\#(bias)}"#)
                    #expect(answer.status == 200)
                    let choices = try answer.json["choices"]?.elements ?? []
                    #expect(choices.map { $0["index"]?.integer } == Array(prompts.indices))
                    for (choice, prompt) in zip(choices, prompts) {
                        try Self.checkLists(
                            choice, prompt: prompt, alternatives: alternatives,
                            ends: !bias.isEmpty)
                    }
                }
            }
        }
    }

    private static func checkLists(
        _ choice: JSONValue, prompt: [Int], alternatives: Int, ends: Bool
    ) throws {
        let lists = try #require(choice["logprobs"])
        let tokens = (lists["tokens"]?.elements ?? []).compactMap(\.string)
        let scores = lists["token_logprobs"]?.elements ?? []
        let tops = lists["top_logprobs"]?.elements ?? []
        let offsets = (lists["text_offset"]?.elements ?? []).compactMap(\.integer)
        let count = prompt.count + 1
        #expect(
            [tokens.count, scores.count, tops.count, offsets.count] == [count, count, count, count])
        #expect(offsets == offsets.sorted())
        #expect(scores[0].isNull && tops[0].isNull)
        #expect(choice["finish_reason"]?.string == (ends ? "stop" : "length"))
        let texts = TokenTexts(ByteTokenizer())
        #expect(Array(tokens.dropLast()) == prompt.map { texts.text(of: Int32($0)) })
        if ends { #expect(tokens.last == "</s>") }
        for index in 1..<count {
            let score = try #require(scores[index].double)
            #expect(score <= 0)
            let entries = tops[index].entries
            #expect((alternatives...alternatives + 1).contains(entries.count))
            // The same text stands in both places, so that comparing them is exact.
            let own = try #require(entries.first { $0.0 == tokens[index] })
            #expect(own.1.compactText == scores[index].compactText)
            #expect(entries.compactMap(\.1.double).count == entries.count)
            let values = entries.compactMap(\.1.double)
            let isGreedy = score == values.max()
            if index == count - 1, !ends { #expect(isGreedy) }
            // One that is not among the likeliest is beside them.
            if entries.count > alternatives { #expect(values.min() == score && !isGreedy) }
        }
    }

    @Test("a sum of echoed log-probabilities is that of the tokens as they are generated")
    func consistent() async throws {
        try await Self.with { test, _ in
            for model in ["tiny", "tiny@share=0", "tiny@share=kv:1", "tiny@share=scores:3"] {
                let fields = #""model": "\#(model)", "logprobs": 1, "temperature": 0"#
                let made = try await test.client.post(
                    "/v1/completions", #"{"prompt": [9, 8, 7], "max_tokens": 20, \#(fields)}"#)
                let lists = try made.json["choices"]?[0]?["logprobs"]
                let tokens = (lists?["tokens"]?.elements ?? []).compactMap { token in
                    (0..<258).first {
                        TokenTexts(ByteTokenizer()).text(of: Int32($0)) == token.string
                    }
                }
                try #require(tokens.count >= 2)
                let read = try await test.client.post(
                    "/v1/completions",
                    #"{"prompt": \#([9, 8, 7] + tokens), "max_tokens": 0, "echo": true, \#(fields)}"#
                )
                let echoed = try read.json["choices"]?[0]?["logprobs"]?["token_logprobs"]
                let left = (lists?["token_logprobs"]?.elements ?? []).compactMap(\.double)
                let right = (echoed?.elements ?? []).dropFirst(3).compactMap(\.double)
                #expect(left.count == right.count)
                for (left, right) in zip(left, right) { #expect(abs(left - right) < 1e-4) }
            }
        }
    }

    // MARK: - Disconnects

    @Test("200 clients that go at random moments leave no slot and no block taken")
    func disconnects() async throws {
        try await Self.with { test, engine in
            var random = SplitMix(seed: 9)
            let bodies = Self.requests("tiny", seed: 5)
            for round in 0..<10 {
                let plans = (0..<20).map { _ in
                    (
                        request: bodies.randomElement(using: &random)!,
                        ends: Bool.random(using: &random),
                        delay: Int.random(in: 0...40, using: &random)
                    )
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for plan in plans {
                        group.addTask {
                            let long = plan.request.body.replacing(
                                /"max_tokens": [0-9]+/, with: "\"max_tokens\": 60")
                            let connection = try await test.client.start(
                                long, path: plan.request.path)
                            try await Task.sleep(for: .milliseconds(plan.delay))
                            if plan.ends { connection.close() } else { connection.reset() }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(
                    await eventually {
                        let statistics = engine.statistics
                        return statistics.running == 0 && statistics.waiting == 0
                            && statistics.usedBlocks == 0
                    }, "round \(round)")
            }
            #expect(engine.statistics.cancelledRequests > 0)
            #expect(engine.statistics.failedRequests == 0)
            let answer = try await test.client.post("/v1/completions", #"{"prompt": "abc"}"#)
            #expect(answer.status == 200)
        }
    }
}
