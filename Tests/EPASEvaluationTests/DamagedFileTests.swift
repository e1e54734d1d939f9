import EPASArray
import EPASConfig
import EPASModel
import Foundation
import Testing

@testable import EPASEvaluation

@Suite("Damaged task files and data")
struct DamagedFileTests {
    /// Some bytes of a text replaced, removed or doubled.
    private func damaged(_ text: String, seed: Int) -> Data {
        let stream = RandomStream(seed: UInt64(seed), name: "damage")
        var bytes = Array(text.utf8)
        let pieces = [
            "{", "}", "[", "]", "\"", ",", ":", "\\", "9e999", "-", "null", "\u{0}", "{{",
        ]
        for index in 0..<UInt64(1 + seed % 3) {
            let at = Int(stream.bits(at: 3 * index) % UInt64(bytes.count))
            let kind = stream.bits(at: 3 * index + 1) % 4
            let value = stream.bits(at: 3 * index + 2)
            switch kind {
            case 0: bytes[at] = UInt8(truncatingIfNeeded: value)
            case 1: bytes.remove(at: at)
            case 2: bytes.insert(contentsOf: pieces[Int(value % 13)].utf8, at: at)
            default: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 20)], at: at)
            }
        }
        return Data(bytes)
    }

    @Test("changed bytes end in an error or in requests, never in a trap")
    func neverTraps() throws {
        let folder = try TemporaryFolder()
        let model = try TinyModel().config
        let (file, choices) = (
            folder.url.appending(path: "tasks.yaml"), folder.url.appending(path: "choice.jsonl")
        )
        var (refused, accepted) = (0, 0)
        for seed in 0..<300 {
            let damagesTasks = seed.isMultiple(of: 2)
            try folder.write("texts.jsonl", TaskEvaluationTests.texts)
            try
                (damagesTasks
                ? damaged(TaskEvaluationTests.tasks, seed: seed)
                : Data(TaskEvaluationTests.tasks.utf8)).write(to: file)
            try
                (damagesTasks
                ? Data(TaskEvaluationTests.choices.utf8)
                : damaged(TaskEvaluationTests.choices, seed: seed)).write(to: choices)
            do {
                _ = try TaskEvaluation(
                    EvaluationTask.load(file), model: model, plans: [.none],
                    tokenizer: ByteTokenizer(), computeType: .float32, maximumLength: 24)
                accepted += 1
            } catch {
                #expect(error is ConfigError || error is EvaluationError)
                #expect(!"\(error)".contains("\n"))
                refused += 1
            }
        }
        // Both happen often, so that neither side of the check is idle.
        #expect(refused > 10)
        #expect(accepted > 10)
    }
}
