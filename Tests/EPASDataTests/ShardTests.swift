import EPASData
import EPASTesting
import Foundation
import Testing

@testable import EPASData

@Suite("Shards")
struct ShardTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// Writes a data set of one training shard, its vocabulary as given.
    private func makeDataset(
        _ ids: [Int32], vocabularySize: Int, claimed: Int? = nil
    ) throws -> TokenDataset {
        let hash = Digest(of: [1, 2, 3] as [UInt8])
        var builder = ShardBuilder(
            capacity: 1 << 20, vocabularySize: vocabularySize, tokenizer: hash)
        var file: [UInt8] = []
        var headers: [ShardHeader] = []
        builder.append(document: ids) { _ in }
        builder.flush { shard in
            var header = shard.header
            header.vocabularySize = claimed ?? vocabularySize
            headers.append(header)
            file = header.bytes + shard.file.dropFirst(ShardHeader.byteCount)
        }
        let header = try #require(headers.first)
        try folder.write(file, to: "train-00000.tokens")
        let shard = Manifest.Shard(
            name: "train-00000.tokens", tokens: ids.count, documents: 1, bytes: file.count,
            sha256: Digest(of: file).hexadecimal,
            headerSha256: Digest(of: header.bytes).hexadecimal)
        let manifest = Manifest(
            tokenizer: Manifest.TokenizerFacts(
                sha256: hash.hexadecimal, vocabularySize: claimed ?? vocabularySize,
                beginningOfSequence: 1, endOfSequence: nil),
            seed: 1, validationFraction: 0,
            train: Manifest.Part(
                tokens: ids.count, documents: 1, textBytes: 0, shards: [shard]),
            validation: Manifest.Part(tokens: 0, documents: 0, textBytes: 0, shards: []),
            skipped: [])
        try folder.write(manifest.file(), to: Manifest.fileName)
        return try TokenDataset(folder.url, split: .train)
    }

    @Test("tokens take two bytes up to 65536, else four", arguments: [65_536, 65_537, 1_000_000])
    func widths(vocabularySize: Int) throws {
        var random = SplitMix(seed: 5)
        let ids =
            [0, Int32(vocabularySize) - 1]
            + (0..<100_000).map { _ in Int32(random.next() % UInt64(vocabularySize)) }
        let dataset = try makeDataset(ids, vocabularySize: vocabularySize)
        #expect(try dataset.tokens(0..<ids.count) == ids)
        #expect(try dataset.tokens(70_000..<70_003) == Array(ids[70_000..<70_003]))
        #expect(try dataset.tokens(5..<5) == [])
        let bytes = try Data(contentsOf: folder["train-00000.tokens"])
        #expect(bytes[12] == (vocabularySize > 65_536 ? 4 : 2))
        #expect(Array(bytes.prefix(8)) == Array("EPASTOKS".utf8))
    }

    /// All checksums are right, and yet no model could use it.
    @Test func aTokenOutsideTheVocabularyIsRefused() throws {
        let dataset = try makeDataset([1, 99, 2], vocabularySize: 100, claimed: 99)
        let error = #expect(throws: DataError.self) { try dataset.tokens(0..<3) }
        #expect(
            error?.description
                == "\(folder["train-00000.tokens"].path) holds a token outside the vocabulary. "
                + "Copy the file again, or make the data set again with `epas data prepare`.")
        #expect(try dataset.tokens(0..<1) == [1])
    }

    @Test func anEmptySplitIsRefusedByItsReader() throws {
        _ = try makeDataset([1, 2], vocabularySize: 300)
        let validation = try TokenDataset(folder.url, split: .validation)
        #expect(validation.tokenCount == 0)
        let error = #expect(throws: DataError.self) {
            try validation.validationBatches(batch: 1, sequence: 1, limit: 1)
        }
        #expect(
            error?.description
                == "The validation data of \(folder.url.path) has 0 tokens, too few for a sequence "
                + "of 1 and its next token. Lower the sequence length, or prepare the text with a "
                + "larger --validation-fraction.")
    }
}

@Suite("The sample for the tokenizer")
struct DocumentSampleTests {
    @Test func keepsTheLowestRanksInOrder() {
        var random = SplitMix(seed: 8)
        for _ in 0..<50 {
            let ranks = (0..<40).map { _ in random.next() % 20 }
            var sample = DocumentSample(limit: 100)
            for (i, rank) in ranks.enumerated() {
                sample.add(String(i + 1_000_000_000), rank: rank)
            }
            let kept = ranks.indices.sorted { (ranks[$0], $0) < (ranks[$1], $1) }.prefix(10)
            #expect(sample.documents == kept.sorted().map { String($0 + 1_000_000_000) })
            #expect(sample.bytes == 100)
        }
    }

    @Test func aLongDocumentIsCutBetweenCharacters() {
        var sample = DocumentSample(limit: 10)
        sample.add("aaaaaaaaaé", rank: 1)
        #expect(sample.documents == ["aaaaaaaaa"])
    }
}
