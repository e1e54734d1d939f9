import EPASArray
import EPASCheckpoint
import EPASConfig
import EPASModel
import Foundation
import FoundationXML
import Testing

@testable import EPASEvaluation

@Suite("Recommendations, kept tables and pictures")
struct RecommendationTests {
    /// Accuracy falls by 0.5 and 3 points, perplexity rises by 1 and 20 %.
    static func table(speeds: Bool = true) -> EvaluationTable {
        func row(
            _ share: String, _ layers: Int, _ accuracy: Double, _ perplexity: Double, _ bytes: Int,
            _ speed: Double
        ) -> EvaluationTable.Row {
            func task(_ name: String, _ metric: Metric) -> EvaluationTable.TaskResult {
                EvaluationTable.TaskResult(
                    name: name, kind: "multiple_choice", items: 200, truncatedRequests: 0,
                    metrics: [metric])
            }
            return EvaluationTable.Row(
                share: share, sharingLayers: layers, cacheBytesPerToken: bytes,
                tokensPerSecond: speeds ? speed : nil,
                tasks: [
                    task("arc", Metric(.accuracy, accuracy, standardError: 0.01)),
                    task("wiki", Metric(.wordPerplexity, perplexity, standardError: nil)),
                ])
        }
        return EvaluationTable(rows: [
            row("none", 0, 0.5, 20, 2048, 100), row("qk:4", 4, 0.47, 24, 1024, 120),
            row("qk:2", 2, 0.495, 20.2, 1536, 110),
        ])
    }

    private func targets(
        below: Double? = nil, speed: Double? = nil, cache: (Double, Int)? = nil
    ) -> Targets {
        var targets = Targets()
        targets.mostBelowFull = below
        targets.leastTokensPerSecond = speed
        targets.cache = cache.map { Targets.CacheLimit(mebibytes: $0, context: $1) }
        return targets
    }

    @Test func choices() throws {
        let cases: [(Targets, String?, String)] = [
            (
                targets(below: 1), "qk:2",
                """
                qk:2 is the longest measured region that reaches every target: wiki loses 1.00 percent \
                of word_perplexity at worst (at most 1.00); qk:4 does not, as wiki loses 20.00 percent \
                of word_perplexity (at most 1.00).
                """
            ),
            (
                targets(below: 0.5), "none",
                """
                none is the longest measured region that reaches every target: no task loses anything; \
                qk:2 does not, as wiki loses 1.00 percent of word_perplexity (at most 0.50).
                """
            ),
            (
                targets(below: 30, speed: 115, cache: (1, 1024)), "qk:4",
                """
                qk:4 is the longest measured region that reaches every target: wiki loses 20.00 percent \
                of word_perplexity at worst (at most 30.00), it makes 120.00 tokens/s (at least \
                115.00), 1024 tokens take 1.00 MiB of cache (at most 1.00).
                """
            ),
            (
                targets(below: 1, cache: (1, 1024)), nil,
                """
                No measured region reaches every target; even none does not, as 1024 tokens take 2.00 \
                MiB of cache (at most 1.00).
                """
            ),
            (
                targets(speed: 1000), nil,
                """
                No measured region reaches every target; even none does not, as it makes 100.00 \
                tokens/s (at least 1000.00).
                """
            ),
        ]
        for (targets, share, reason) in cases {
            let recommendation = try Recommendation(targets, from: Self.table())
            #expect(recommendation.share == share)
            #expect(recommendation.reason == reason)
        }
    }

    @Test func whatATableLacks() {
        func message(_ targets: Targets, _ table: EvaluationTable) -> String? {
            #expect(throws: EvaluationError.self) {
                try Recommendation(targets, from: table)
            }?.description
        }
        #expect(
            message(
                targets(below: 1), EvaluationTable(rows: Array(Self.table().rows.dropFirst())))
                == "The recommendation: nothing was measured without sharing. Add the length 0, such as qk:0,2,4."
        )
        #expect(
            message(targets(speed: 1), Self.table(speeds: false))
                == "The recommendation: no speeds were measured. Leave out the target of tokens a second."
        )
    }

    @Test("a loss that is not a number satisfies nothing")
    func notANumber() throws {
        let table = Self.table()
        let broken = EvaluationTable.TaskResult(
            name: "wiki", kind: "rolling_perplexity", items: 1, truncatedRequests: 0,
            metrics: [Metric(.wordPerplexity, .infinity, standardError: nil)])
        let rows = [
            table.rows[0],
            EvaluationTable.Row(
                share: "qk:1", sharingLayers: 1, cacheBytesPerToken: 1, tokensPerSecond: nil,
                tasks: [table.rows[0].tasks[0], broken]),
        ]
        let recommendation = try Recommendation(
            targets(below: 1e9), from: EvaluationTable(rows: rows))
        #expect(recommendation.share == "none")
    }

    @Test func aTableIsKeptBesideACheckpointThatStaysGood() throws {
        let folder = try TemporaryFolder()
        let store = CheckpointStore(folder.url.appending(path: "checkpoints"))
        let checkpoint = try store.save(step: 1, keep: 1) { draft in
            try draft.write("state.json", ["a": 1])
        }
        #expect(try EvaluationRecord.load(from: checkpoint) == nil)
        let record = EvaluationRecord(
            Self.table(), dtype: "bfloat16", sequence: 128,
            recommendation: try Recommendation(targets(below: 1), from: Self.table()))
        try record.save(in: checkpoint)
        try record.save(in: checkpoint)
        #expect(try EvaluationRecord.load(from: checkpoint) == record)
        #expect(store.latestGood().checkpoint != nil)
        // Also if a crash left the next one half written.
        try Data("{".utf8).write(
            to: checkpoint.appending(path: ".epas-evaluation.json.writing"))
        #expect(store.latestGood().checkpoint != nil)
        try Data("{".utf8).write(to: checkpoint.appending(path: "epas-evaluation.json.old"))
        #expect(store.latestGood().checkpoint == nil)
        try Data("{}".utf8).write(to: checkpoint.appending(path: "epas-evaluation.json"))
        let error = #expect(throws: CheckpointError.self) {
            try EvaluationRecord.load(from: checkpoint)
        }
        #expect(
            error?.description
                == "\(checkpoint.path)/epas-evaluation.json: it is not a table that epas evaluate has written. Delete it, and run epas evaluate again."
        )
    }

    @Test("a table with numbers that are not finite is kept")
    func notFinite() throws {
        let folder = try TemporaryFolder()
        let task = EvaluationTable.TaskResult(
            name: "wiki", kind: "rolling_perplexity", items: 1, truncatedRequests: 0,
            metrics: [Metric(.wordPerplexity, .infinity, standardError: nil)])
        let row = EvaluationTable.Row(
            share: "none", sharingLayers: 0, cacheBytesPerToken: 1, tokensPerSecond: nil,
            tasks: [task])
        let record = EvaluationRecord(
            EvaluationTable(rows: [row]), dtype: "float32", sequence: 1, recommendation: nil)
        try record.save(in: folder.url)
        #expect(try EvaluationRecord.load(from: folder.url) == record)
    }

    @Test("the picture is XML with a panel per axis and a line per task", arguments: [true, false])
    func picture(speeds: Bool) throws {
        let svg = EvaluationPlot(Self.table(speeds: speeds)).svg
        let document = try XMLDocument(xmlString: svg)
        let panels = document.rootElement()?.elements(forName: "svg") ?? []
        #expect(panels.count == (speeds ? 3 : 2))
        for panel in panels {
            let lines = try panel.nodes(forXPath: ".//*[local-name()='polyline']")
            #expect(lines.count == 2)
        }
        #expect(svg.contains("arc acc"))
        #expect(svg.contains("tokens/s") == speeds)
    }

    @Test(
        "bytes of cache per token",
        arguments: [
            ("none", 2 * 4 * 24), ("qk:3", (2 * 4 - 3) * 24), ("scores:1", (2 * 4 - 1) * 24),
            ("kv:2", 2 * 2 * 24), ("kv:3<0", 2 * 3 * 24),
        ])
    func cacheBytes(share: String, expected: Int) throws {
        let model = try ModelConfig(
            layers: 4, width: 12, heads: 6, keyValueHeads: 3, headDimension: 8, feedForward: 16,
            vocabulary: 10)
        let plan = try SharingPlan(parsing: share, layers: 4)
        #expect(model.cacheBytesPerToken(plan: plan, elementType: .float32) == 4 * expected)
        #expect(model.cacheBytesPerToken(plan: plan, elementType: .bfloat16) == 2 * expected)
    }
}
