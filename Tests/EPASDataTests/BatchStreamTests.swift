import EPASArray
import EPASData
import EPASTesting
import Foundation
import Testing

@Suite("Batches")
struct BatchStreamTests {
    let folder: TemporaryFolder
    let dataset: TokenDataset
    let tokens: [Int32]

    init() throws {
        folder = try TemporaryFolder()
        let lines = try (0..<80).map { try jsonLine(sampleText($0)) }.joined(separator: "\n")
        var preparation = DataPreparation(
            inputs: [try folder.write(lines, to: "a.jsonl")], output: folder["out"],
            tokenizer: .trained(vocabularySize: 300))
        preparation.shardTokens = 1_500
        preparation.validationFraction = 0.2
        try preparation.run()
        dataset = try TokenDataset(folder["out"], split: .train)
        tokens = try dataset.tokens(0..<dataset.tokenCount)
    }

    /// The rows of a batch.
    private func rows(_ batch: TokenBatch) -> [[Int32]] {
        let shape = batch.tokens.shape
        #expect(shape.elementType == .int32)
        let elements = batch.tokens.elements(as: Int32.self)
        return (0..<shape.dimensions[0]).map {
            Array(elements[($0 * shape.dimensions[1])..<(($0 + 1) * shape.dimensions[1])])
        }
    }

    @Test("an epoch holds every window once", arguments: [(4, 16), (7, 33), (3, 100), (1, 1)])
    func epochs(batch: Int, sequence: Int) throws {
        var stream = try BatchStream(dataset, batch: batch, sequence: sequence, seed: 3)
        let count = (tokens.count - 1) / sequence
        #expect(stream.sequencesPerEpoch == count)
        var seen: [[Int32]] = []
        while seen.count < 2 * count { seen += rows(try stream.next()) }
        #expect(stream.cursor.sequences == seen.count)
        let windows = (0..<count).map {
            Array(tokens[($0 * sequence)...($0 * sequence + sequence)])
        }
        func counts(_ windows: some Sequence<[Int32]>) -> [[Int32]: Int] {
            windows.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        }
        #expect(counts(seen[..<count]) == counts(windows))
        #expect(counts(seen[count..<(2 * count)]) == counts(windows))
        #expect(Array(seen[..<count]) != Array(seen[count..<(2 * count)]))
        #expect(Array(seen[..<count]) != windows || count < 5)
    }

    @Test func resumesAnywhere() throws {
        var stream = try BatchStream(dataset, batch: 5, sequence: 20, seed: 9)
        var cursors: [Cursor] = []
        var batches: [[[Int32]]] = []
        for _ in 0..<(3 * stream.sequencesPerEpoch / 5) {
            cursors.append(stream.cursor)
            batches.append(rows(try stream.next()))
        }
        var random = SplitMix(seed: 1)
        for _ in 0..<50 {
            let place = Int.random(in: 0..<(batches.count - 8), using: &random)
            // As a checkpoint keeps it.
            let kept = try JSONDecoder().decode(
                Cursor.self, from: JSONEncoder().encode(cursors[place]))
            var resumed = try BatchStream(
                dataset, batch: 5, sequence: 20, seed: 9, cursor: kept)
            for i in 0..<8 { #expect(rows(try resumed.next()) == batches[place + i]) }
            #expect(resumed.cursor == cursors[place + 8])
        }
    }

    @Test func seedsDiffer() throws {
        let firsts = try ([1, 2] as [UInt64]).map { seed in
            var stream = try BatchStream(dataset, batch: 8, sequence: 16, seed: seed)
            return rows(try stream.next())
        }
        #expect(firsts[0] != firsts[1])
    }

    @Test func validationIsFixedAndInOrder() throws {
        let validation = try TokenDataset(folder["out"], split: .validation)
        let tokens = try validation.tokens(0..<validation.tokenCount)
        let count = (tokens.count - 1) / 16
        for (batch, limit) in [(2, 3), (4, 1), (3, 1_000)] {
            let batches = try validation.validationBatches(
                batch: batch, sequence: 16, limit: limit)
            #expect(batches.count == min(limit, count / batch))
            let rows = batches.flatMap(rows)
            #expect(rows == rows.indices.map { Array(tokens[($0 * 16)...($0 * 16 + 16)]) })
        }
        let small = try validation.validationBatches(batch: 100_000, sequence: 16, limit: 5)
        #expect(small.map { rows($0).count } == [count])
    }

    @Test func fingerprintsTellDataApart() throws {
        let validation = try TokenDataset(folder["out"], split: .validation)
        #expect(validation.fingerprint != dataset.fingerprint)
        #expect(try TokenDataset(folder["out"], split: .train).fingerprint == dataset.fingerprint)
    }

    @Test func tooLittleDataIsRefused() throws {
        let count = tokens.count
        let path = folder["out"].path
        let refused: [(batch: Int, sequence: Int, cursor: Int, message: String)] = [
            (1, 0, 0, "A sequence of 0 tokens is not possible. Use 1 or more."),
            (1, .min, 0, "A sequence of \(Int.min) tokens is not possible. Use 1 or more."),
            (0, 8, 0, "A batch of 0 sequences is not possible. Use 1 or more."),
            (
                1, count, 0,
                "The train data of \(path) has \(count) tokens, too few for a sequence of "
                    + "\(count) and its next token. "
                    + "Lower the sequence length, or prepare more text."
            ),
            (
                1, .max, 0,
                "The train data of \(path) has \(count) tokens, too few for a sequence of "
                    + "\(Int.max) and its next token. "
                    + "Lower the sequence length, or prepare more text."
            ),
            (
                2, count - 1, 0,
                "The train data of \(path) has \(count) tokens, which is 1 sequences of "
                    + "\(count - 1) and too few for one batch of 2. "
                    + "Lower the batch or the sequence length, or prepare more text."
            ),
            (
                1, 8, -1,
                "The data cursor -1 is not a number of sequences. Resume from another checkpoint."
            ),
            (
                1, 8, .max,
                "The data cursor \(Int.max) is not a number of sequences. "
                    + "Resume from another checkpoint."
            ),
        ]
        for (batch, sequence, cursor, message) in refused {
            let error = #expect(throws: DataError.self) {
                try BatchStream(
                    dataset, batch: batch, sequence: sequence, seed: 1,
                    cursor: Cursor(sequences: cursor))
            }
            #expect(error?.description == message)
        }
        let whole = try BatchStream(dataset, batch: 1, sequence: count - 1, seed: 1)
        #expect(whole.sequencesPerEpoch == 1)
    }
}
