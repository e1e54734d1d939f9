import Foundation
import Testing

@testable import EPASTraining

@Suite("Metrics log")
struct MetricsLogTests {
    func record(_ step: Int, loss: Double? = 1.25) -> MetricsRecord {
        .training(
            StepRecord(
                step: step, tokens: step * 10, loss: loss, gradientNorm: 0.5, learningRate: 1e-3,
                share: "qk:2", sharingLayers: 2, seconds: 0.25, elapsedSeconds: 1,
                tokensPerSecond: 40, flopsPerSecond: 1e9))
    }

    func withFolder(_ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "epas-metrics-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder)
    }

    @Test("a line has flat snake-case keys in order")
    func line() throws {
        try withFolder { folder in
            try MetricsLog(folder: folder, continuingAfter: 0).append(record(3))
            let text = try String(
                contentsOf: folder.appending(path: "metrics.jsonl"), encoding: .utf8)
            #expect(
                text
                    == #"{"elapsed_seconds":1,"flops_per_second":1000000000,"gradient_norm":0.5,"kind":"training","learning_rate":0.001,"loss":1.25,"seconds":0.25,"share":"qk:2","sharing_layers":2,"step":3,"tokens":30,"tokens_per_second":40}"#
                    + "\n")
        }
    }

    @Test("a resumed log drops later steps and a line that was cut off")
    func continues() throws {
        try withFolder { folder in
            let log = try MetricsLog(folder: folder, continuingAfter: 0)
            for step in 1...5 { try log.append(record(step, loss: step == 2 ? nil : 1)) }
            let url = folder.appending(path: "metrics.jsonl")
            let whole = try Data(contentsOf: url)
            try (whole + Data("{\"kind\":\"training\",\"st".utf8)).write(to: url)
            let resumed = try MetricsLog(folder: folder, continuingAfter: 3)
            try resumed.append(record(4))
            let records = try MetricsLog.records(in: folder)
            #expect(
                records == [
                    record(1, loss: 1), record(2, loss: nil), record(3, loss: 1), record(4),
                ])
        }
    }

    @Test func aFolderWithoutALogHasNoRecords() throws {
        try withFolder { folder in
            let records = try MetricsLog.records(in: folder)
            #expect(records.isEmpty)
        }
    }
}
