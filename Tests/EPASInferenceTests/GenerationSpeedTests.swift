import EPASInference
import EPASModel
import Testing

@Suite("Speeds of generation")
struct GenerationSpeedTests {
    /// Prompts so long that the first sequence would be done before the last begins.
    @Test func `sequences overlap whatever their prompts take`() async throws {
        let tiny = try TinyEngine(maximumSequence: 64)
        var options = EngineOptions()
        options.slots = 4
        options.promptChunk = 8
        options.cacheBytes = 1 << 22
        options.reusesPrefixes = false
        let workload = GenerationSpeed.Workload(batch: 4, promptTokens: 40, newTokens: 3)
        #expect(workload.longestSequence(promptChunk: 8) == 40 + 3 + 3 * 6)
        let engine = try tiny.engine(options)
        defer { engine.shutDown() }
        let layers = tiny.model.layers
        let plans = [SharingPlan.none, try SharingPlan(.queryKey, last: 1, layers: layers)]
        let speeds = try await GenerationSpeed.measure(
            engine, plans: plans, workload, rounds: 2)
        #expect(speeds.count == 2)
        for speed in speeds {
            #expect(speed.tokensPerSecond > 0 && speed.tokensPerSecond.isFinite)
            #expect(speed.promptTokensPerSecond > 0 && speed.promptTokensPerSecond.isFinite)
        }
        let statistics = engine.statistics
        #expect(statistics.finishedRequests == 3 * 2 * 4)
        #expect(statistics.promptTokens == 3 * 2 * 4 * 40)
    }
}
