import EPASData
import EPASTesting
import EPASTokenizer
import Foundation
import Testing

@Suite("Damaged data")
struct CorruptionTests {
    let folder: TemporaryFolder
    let output: URL

    init() throws {
        folder = try TemporaryFolder()
        output = folder["out"]
        let lines = try (0..<60).map { try jsonLine(sampleText($0)) }.joined(separator: "\n")
        var preparation = DataPreparation(
            inputs: [try folder.write(lines, to: "a.jsonl")], output: output,
            tokenizer: .trained(vocabularySize: 300))
        preparation.shardTokens = 2_000
        preparation.validationFraction = 0.1
        try preparation.run()
    }

    /// Reads all of the data, which must fail, and returns the error's text.
    private func refusal() -> String {
        do {
            for split in Split.allCases {
                let dataset = try TokenDataset(output, split: split)
                _ = try dataset.tokens(0..<dataset.tokenCount)
            }
            return "nothing was refused"
        } catch {
            return "\(error)".replacing(output.path, with: "OUT")
        }
    }

    private static let remedy =
        " Copy the file again, or make the data set again with `epas data prepare`."

    @Test func everyFlippedBitIsFound() throws {
        var random = SplitMix(seed: 17)
        let names = try FileManager.default.contentsOfDirectory(atPath: output.path).filter {
            $0 != "tokenizer"
        }.sorted()
        #expect(names.count > 3)
        for _ in 0..<400 {
            let name = names.randomElement(using: &random)!
            let whole = try Data(contentsOf: output.appending(path: name))
            var damaged = whole
            // Half of the flips where there is least of the file: its header and its end.
            let place = Int.random(in: 0..<whole.count, using: &random)
            let edge = [min(place, place % 192), whole.count - 1 - place % 8]
            let offset = random.next() % 2 == 0 ? place : edge.randomElement(using: &random)!
            damaged[offset] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            try damaged.write(to: output.appending(path: name))
            let text = refusal()
            #expect(text.contains("OUT/\(name) "), "\(name), byte \(offset): \(text)")
            try whole.write(to: output.appending(path: name))
        }
        #expect(refusal() == "nothing was refused")
    }

    @Test func everyTruncationIsFound() throws {
        var random = SplitMix(seed: 19)
        for name in ["train-00000.tokens", "validation-00000.tokens", "manifest.json"] {
            let whole = try Data(contentsOf: output.appending(path: name))
            for _ in 0..<60 {
                let count = Int.random(in: 0..<whole.count, using: &random)
                try whole.prefix(count).write(to: output.appending(path: name))
                let text = refusal()
                #expect(
                    text
                        == (name.hasSuffix("json")
                            ? "OUT/manifest.json is damaged. "
                                + "Make the data set again with `epas data prepare`."
                            : "OUT/\(name) has \(count) bytes instead of \(whole.count)."
                                + Self.remedy))
            }
            try whole.write(to: output.appending(path: name))
        }
    }

    @Test func missingAndStrangeFilesAreNamed() throws {
        let first = output.appending(path: "train-00000.tokens")
        let second = output.appending(path: "train-00001.tokens")
        let whole = try Data(contentsOf: first)
        try FileManager.default.removeItem(at: first)
        #expect(refusal() == "OUT/train-00000.tokens is missing." + Self.remedy)
        try Data(contentsOf: second).write(to: first)
        #expect(
            refusal() == "OUT/train-00000.tokens is not the file that the manifest lists."
                + Self.remedy)
        try (whole + [0]).write(to: first)
        #expect(
            refusal() == "OUT/train-00000.tokens has \(whole.count + 1) bytes instead of "
                + "\(whole.count)." + Self.remedy)
        try whole.write(to: first)
        try whole.write(to: output.appending(path: "train-00099.tokens"))
        #expect(
            refusal() == "OUT/train-00099.tokens is not listed in the manifest. "
                + "Remove it, or make the data set again with `epas data prepare`.")
        try FileManager.default.removeItem(at: output.appending(path: "train-00099.tokens"))
        try FileManager.default.removeItem(at: output.appending(path: "manifest.json"))
        #expect(
            refusal() == "OUT holds no manifest.json, so it is not a finished data set. "
                + "Make one with `epas data prepare`.")
    }

    @Test func aFlipBehindAnOpenedDataSetIsFoundBeforeItsTokensAreUsed() throws {
        let dataset = try TokenDataset(output, split: .train)
        let shard = output.appending(path: "train-00000.tokens")
        var bytes = try Data(contentsOf: shard)
        bytes[192 + 100] ^= 4
        try bytes.write(to: shard)
        var stream = try BatchStream(dataset, batch: 1, sequence: 1_000, seed: 1)
        let error = #expect(throws: DataError.self) {
            for _ in 0..<stream.sequencesPerEpoch { _ = try stream.next() }
        }
        #expect(
            error?.description == "\(shard.path) is damaged: tokens do not match their checksum."
                + Self.remedy)
    }

    @Test func anotherTokenizerIsRefused() throws {
        let dataset = try TokenDataset(output, split: .train)
        let other = try SentencePieceTokenizer.train(vocabularySize: 290, on: [sampleText(1)])
        try other.write(to: output.appending(path: "tokenizer"))
        let error = #expect(throws: DataError.self) { try dataset.tokenizer() }
        #expect(
            error?.description
                == "\(output.path)/tokenizer does not hold the tokenizer that made the tokens. "
                + "Make the data set again with `epas data prepare`.")
    }

    @Test func aShardThatShrinksIsAnErrorAndNotAFault() throws {
        let dataset = try TokenDataset(output, split: .train)
        let shard = output.appending(path: "train-00000.tokens")
        try Data(contentsOf: shard).prefix(300).write(to: shard)
        let error = #expect(throws: DataError.self) {
            try dataset.tokens(0..<dataset.tokenCount)
        }
        #expect(error?.description == "\(shard.path) is shorter than it was." + Self.remedy)
    }
}
