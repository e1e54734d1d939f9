import EPASArray
import EPASInference
import EPASModel
import Testing

@Suite struct EngineTests {
    /// The longest sequence crosses blocks and chunks.
    private static let chunk = 40

    private func options() -> EngineOptions {
        var options = EngineOptions()
        options.promptChunk = Self.chunk
        options.slots = 6
        return options
    }

    @Test("cached decoding is full recomputation, at every region length")
    func cached() async throws {
        for tiny in [
            try TinyEngine(), try TinyEngine(keyValueHeads: 4, attentionBias: true, seed: 2),
            try TinyEngine(heads: 3, keyValueHeads: 1, headDimension: 6, seed: 3),
            try TinyEngine(feedForward: 150, hasIntegers: true),
            try TinyEngine(
                feedForward: 64, attentionBias: true, tiedEmbeddings: true, hasIntegers: true,
                seed: 4),
        ] {
            let engine = try tiny.engine(options())
            defer { engine.shutDown() }
            // What integers change does not depend on the plan: every third one will do.
            for (index, plan) in try tiny.plans.enumerated()
            where !tiny.hasIntegers || index % 3 == 0 {
                let prompt = tiny.prompt(66, seed: 4)
                let output = try await engine.output(
                    GenerationRequest(
                        prompt: prompt, plan: plan, sampler: Sampler(), maximumTokens: 4,
                        alternatives: 3, promptAlternatives: 2))
                #expect(output.tokens.count == 4)
                let tokens = prompt + output.tokens
                let logits = try tiny.logits(tokens, plan: plan)
                #expect(output.promptScores.count == prompt.count)
                #expect(output.promptScores[0] == nil)
                for index in 1..<tokens.count {
                    let score = try #require(
                        index < prompt.count
                            ? output.promptScores[index] : output.scores[index - prompt.count])
                    let expected = try #require(
                        TokenScore(
                            token: tokens[index], alternatives: 3, logits: logits[index - 1]))
                    #expect(
                        abs(score.chosen.logProbability - expected.chosen.logProbability) < 1e-4,
                        "\(plan.text(layers: tiny.model.layers)) token \(index)")
                    if index >= prompt.count {
                        #expect(score.chosen.token == expected.alternatives[0].token)
                    }
                }
            }
        }
    }

    @Test(
        "a request's output is the same bits alone, among others, and after them",
        arguments: [false, true])
    func independence(hasIntegers: Bool) async throws {
        let tiny = try TinyEngine(hasIntegers: hasIntegers)
        let plans = try tiny.plans
        let requests = try (0..<24).map { index in
            GenerationRequest(
                prompt: tiny.prompt(
                    [1, 2, 31, 32, 33, 64, 97, 120][index % 8], seed: UInt64(index)),
                plan: plans[index / 2 * 5 % plans.count],
                sampler: try Sampler(temperature: index % 3 == 0 ? 0 : 1, seed: UInt64(index)),
                maximumTokens: 1 + index % 20, alternatives: 4,
                promptAlternatives: index % 4 == 0 ? 1 : nil)
        }
        var alone: [Output] = []
        for request in requests {
            let engine = try tiny.engine(options())
            alone.append(try await engine.output(request))
            engine.shutDown()
        }
        // Room for everything that ran before, and hardly for two sequences at once.
        for pool in [20_000_000, 200_000] {
            var options = options()
            options.cacheBytes = pool
            options.reusesPrefixes = pool > 1_000_000
            let engine = try tiny.engine(options)
            defer { engine.shutDown() }
            for _ in 0..<2 {
                let together = try await engine.outputs(requests)
                for (index, output) in alone.enumerated() {
                    let isEqual = together[index].result == output.result
                    #expect(isEqual, "request \(index)")
                }
            }
            let statistics = try await engine.restingStatistics()
            #expect(statistics.finishedRequests == 48)
            #expect(statistics.usedBlocks == 0)
            if options.reusesPrefixes {
                #expect(statistics.cachedTokens > 0)
                #expect(statistics.decodeRows > statistics.decodeRuns)
            } else {
                #expect(statistics.preemptions > 0)
            }
        }
    }

    @Test("chunks of any size give the same bits", arguments: [false, true])
    func chunks(hasIntegers: Bool) async throws {
        let tiny = try TinyEngine(feedForward: 130, hasIntegers: hasIntegers)
        let plan = try SharingPlan(.queryKey, last: 2, layers: 5)
        let request = GenerationRequest(
            prompt: tiny.prompt(150, seed: 9), plan: plan, sampler: try Sampler(),
            maximumTokens: 3, alternatives: 2, promptAlternatives: 1)
        var outputs: Set<Output> = []
        for chunk in [1, 7, 40, 128, 256] {
            var options = options()
            options.promptChunk = chunk
            let engine = try tiny.engine(options)
            var output = try await engine.output(request)
            engine.shutDown()
            output.summary = nil
            outputs.insert(output)
        }
        #expect(outputs.count == 1)
    }

    @Test("in bfloat16 too, rows do not depend on each other", arguments: [false, true])
    func bfloat16(hasIntegers: Bool) async throws {
        let tiny = try TinyEngine(feedForward: 130, hasIntegers: hasIntegers)
        let requests = try (0..<8).map { index in
            GenerationRequest(
                prompt: tiny.prompt(20 + 9 * index, seed: UInt64(index)),
                plan: try SharingPlan(.queryKey, last: index % 3, layers: 5),
                sampler: try Sampler(), maximumTokens: 6, alternatives: 2)
        }
        let alone = try tiny.engine(options(), type: .bfloat16)
        var expected: [[AnyHashable]] = []
        for request in requests { expected.append(try await alone.output(request).result) }
        alone.shutDown()
        let engine = try tiny.engine(options(), type: .bfloat16)
        defer { engine.shutDown() }
        let found = try await engine.outputs(requests)
        for (index, result) in expected.enumerated() {
            let isEqual = found[index].result == result
            #expect(isEqual, "request \(index)")
        }
    }

    @Test("a prompt that starts as an earlier one did is not computed again")
    func prefixes() async throws {
        let tiny = try TinyEngine()
        let engine = try tiny.engine(options())
        defer { engine.shutDown() }
        func cached(_ prompt: [Int32], _ kind: SharingKind, _ count: Int) async throws -> Int? {
            try await engine.output(
                GenerationRequest(
                    prompt: prompt, plan: try SharingPlan(kind, last: count, layers: 5),
                    sampler: Sampler(), maximumTokens: 2)
            ).summary?.cachedTokens
        }
        let prompt = tiny.prompt(100, seed: 1)
        #expect(try await cached(prompt, .queryKey, 1) == 0)
        #expect(try await cached(prompt, .queryKey, 1) == 96)
        #expect(try await cached(Array(prompt.prefix(70)) + [1, 2], .queryKey, 1) == 64)
        // The last prompt token is always computed.
        #expect(try await cached(Array(prompt.prefix(96)), .queryKey, 1) == 64)
        // Values of the region's layers differ from length to length when queries and keys are
        // shared: not those of its first layer, but of the next.
        #expect(try await cached(prompt, .queryKey, 3) == 0)
        // Where keys and values are shared, a longer region needs less of the same.
        #expect(try await cached(prompt, .keyValue, 1) == 96)
        #expect(try await cached(prompt, .keyValue, 4) == 96)
        #expect(try await cached(prompt, .queryKey, 0) == 0)
    }

    @Test("memory per plan: sharing layers keep what the plan says")
    func memory() throws {
        let layers = 5
        for (plan, planes) in [
            (SharingPlan.none, 10), (try SharingPlan(.queryKey, last: 2, layers: layers), 8),
            (try SharingPlan(.keyValue, last: 2, layers: layers), 6),
            (try SharingPlan(.scores, last: 4, layers: layers), 6),
            (try SharingPlan(.keyValue, last: 4, layers: layers), 2),
        ] {
            #expect(plan.cachePlanes(layers: layers).count == planes)
        }
    }

    @Test("stop tokens, limits and the longest sequence end a request")
    func ends() async throws {
        let tiny = try TinyEngine(maximumSequence: 64)
        let engine = try tiny.engine(options())
        defer { engine.shutDown() }
        var request = GenerationRequest(
            prompt: tiny.prompt(60, seed: 5), plan: .none, sampler: try Sampler(),
            maximumTokens: 100, alternatives: 1)
        let full = try await engine.output(request)
        #expect(full.tokens.count == 4)
        #expect(full.summary?.reason == .length)
        request.stopTokens = [full.tokens[2]]
        let stopped = try await engine.output(request)
        let end = full.tokens.firstIndex(of: full.tokens[2])!
        #expect(stopped.tokens == Array(full.tokens[..<end]))
        guard case .stop(let token, let score) = stopped.summary?.reason else {
            Issue.record("not stopped")
            return
        }
        #expect(token == full.tokens[2])
        #expect(score?.chosen.token == token)

        request.maximumTokens = 0
        request.promptAlternatives = 0
        let read = try await engine.output(request)
        #expect(read.tokens.isEmpty)
        #expect(read.promptScores.count == 60)
        request.promptAlternatives = nil
        #expect(try await engine.output(request).summary?.newTokens == 0)
    }

    @Test("what cannot run is refused with a sentence")
    func refusals() async throws {
        let tiny = try TinyEngine(maximumSequence: 64)
        var options = options()
        options.cacheBytes = 10 * 32 * 2 * 8 * 4
        let engine = try tiny.engine(options)
        defer { engine.shutDown() }
        func refusal(
            _ prompt: [Int32], _ maximumTokens: Int = 1, plan: SharingPlan = .none,
            bias: [Int32: Double] = [:]
        ) throws -> String {
            let request = GenerationRequest(
                prompt: prompt, plan: plan, sampler: try Sampler(logitBias: bias),
                maximumTokens: maximumTokens)
            do {
                _ = try engine.submit(request)
                return "accepted"
            } catch {
                return "\(error)"
            }
        }
        #expect(try refusal([]) == "The prompt is empty. Give at least one token.")
        #expect(
            try refusal([3, 67])
                == "The prompt has token 67, but the model knows tokens 0 to 66. Encode it with the model's tokenizer."
        )
        #expect(try refusal([-1]).hasPrefix("The prompt has token -1"))
        #expect(
            try refusal([1], -1) == "The request wants -1 tokens. Ask for 0 or more.")
        #expect(
            try refusal(tiny.prompt(64, seed: 1))
                == "The prompt has 64 tokens, but sequences are at most 64 tokens long with the new ones. Shorten the prompt."
        )
        #expect(
            try refusal([1], 40)
                == "The request may need 20 blocks of the key-value cache, which has 10. Ask for fewer tokens, or give the cache more memory."
        )
        #expect(
            try refusal([1], plan: SharingPlan(.queryKey, last: 3, layers: 9))
                == "Layer 6 is to share, but the model has 5 layers. Use a shorter region.")
        #expect(try refusal([1], bias: [67: 1]).hasPrefix("The logit bias names token 67"))
        for (setting, sentence) in [
            (\EngineOptions.slots, "The slots are 0. Use 1 to 1024."),
            (\.promptChunk, "The prompt chunk is 0. Use 1 to 4096."),
        ] {
            var options = EngineOptions()
            options[keyPath: setting] = 0
            #expect(throws: EngineError.invalid(sentence)) { try tiny.engine(options) }
        }
    }

    @Test("the queue has an end, a given-up stream frees its slot, a stopped engine refuses")
    func queue() async throws {
        let tiny = try TinyEngine(maximumSequence: 256)
        var options = options()
        options.slots = 1
        options.queue = 2
        let engine = try tiny.engine(options)
        let request = GenerationRequest(
            prompt: [1], plan: .none, sampler: try Sampler(), maximumTokens: 255)
        var streams = try (0..<3).map { _ in try engine.submit(request) }
        var refused = false
        for _ in 0..<3 {
            do { streams.append(try engine.submit(request)) } catch { refused = true }
        }
        #expect(refused)
        let count = streams.count
        streams = []
        let deadline = ContinuousClock.now + .seconds(30)
        while engine.statistics.cancelledRequests + engine.statistics.finishedRequests < count,
            ContinuousClock.now < deadline
        {
            try await Task.sleep(for: .milliseconds(2))
        }
        #expect(try await engine.restingStatistics().cancelledRequests > 0)
        #expect(try await engine.restingStatistics().usedBlocks == 0)
        #expect(try await engine.output(request).tokens.count == 255)
        engine.shutDown()
        #expect(throws: EngineError.stopped) { _ = try engine.submit(request) }
    }
}
