package import EPASTokenizer
package import Foundation

/// One split of a folder that `epas data prepare` made: a long row of tokens.
///
/// Opening checks the manifest, that exactly its shards are there, their sizes and headers.
/// Tokens are checked block by block before they are first used.
package struct TokenDataset: Sendable {
    static let shardSuffix = ".tokens"

    package let directory: URL
    package let split: Split
    package let manifest: Manifest

    private let shards: [TokenShard]
    /// Index of each shard's first token, and the end of the last.
    private let starts: [Int]

    /// - Throws: ``DataError`` naming the file that is missing, damaged or too many.
    package init(_ directory: URL, split: Split) throws {
        self.directory = directory
        self.split = split
        manifest = try Manifest(directory: directory)
        let listed = manifest.train.shards + manifest.validation.shards
        let names = Set(listed.map(\.name))
        let present = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        if let extra = present.sorted().first(where: {
            $0.hasSuffix(Self.shardSuffix) && !names.contains($0)
        }) {
            throw DataError(
                "\(directory.appending(path: extra).path) is not listed in the manifest",
                remedy: "Remove it, or make the data set again with `epas data prepare`.")
        }
        let tokenizer = manifest.tokenizer
        shards = try manifest[split].shards.map {
            try TokenShard($0, in: directory, tokenizer: tokenizer)
        }
        starts = shards.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.header.tokens) }
    }

    package var tokenCount: Int { starts[starts.count - 1] }
    package var vocabularySize: Int { manifest.tokenizer.vocabularySize }
    /// SHA-256 of the tokenizer's model file, in hexadecimal.
    package var tokenizerHash: String { manifest.tokenizer.sha256 }
    /// The folder of the tokenizer that made the tokens.
    package var tokenizerDirectory: URL { directory.appending(path: "tokenizer") }

    /// Equal only for two data sets of the same tokens in the same order. A run that resumes
    /// compares it with the one it started on.
    package var fingerprint: String { "\(split.rawValue):\(manifest.checksum)" }

    /// Loads the tokenizer that made the tokens.
    ///
    /// - Throws: `TokenizerError` or ``DataError`` when it is missing, damaged or another one.
    package func tokenizer() throws -> any Tokenizer {
        let tokenizer = try loadTokenizer(at: tokenizerDirectory)
        guard tokenizer.hash == tokenizerHash else {
            throw DataError(
                "\(tokenizerDirectory.path) does not hold the tokenizer that made the tokens",
                remedy: "Make the data set again with `epas data prepare`.")
        }
        return tokenizer
    }

    /// Copies tokens into memory for as many.
    ///
    /// - Precondition: the range lies within the data set.
    /// - Throws: ``DataError`` naming the shard that cannot be read or is damaged.
    package func copy(_ range: Range<Int>, to tokens: UnsafeMutableBufferPointer<Int32>) throws {
        guard range.lowerBound >= 0, range.upperBound <= tokenCount, tokens.count == range.count
        else { fatalError("tokens \(range) read from a data set of \(tokenCount)") }
        var position = range.lowerBound
        var shard = shardIndex(of: position)
        while position < range.upperBound {
            let end = min(range.upperBound, starts[shard + 1])
            let part = UnsafeMutableBufferPointer(
                rebasing: tokens[(position - range.lowerBound)..<(end - range.lowerBound)])
            try shards[shard].copy(
                (position - starts[shard])..<(end - starts[shard]), to: part)
            position = end
            shard += 1
        }
    }

    /// Returns tokens as an array.
    package func tokens(_ range: Range<Int>) throws -> [Int32] {
        try [Int32](unsafeUninitializedCapacity: range.count) { buffer, count in
            try copy(range, to: UnsafeMutableBufferPointer(rebasing: buffer[..<range.count]))
            count = range.count
        }
    }

    /// The last shard that starts at or before a token.
    private func shardIndex(of token: Int) -> Int {
        var (low, high) = (0, starts.count - 1)
        while low + 1 < high {
            let middle = (low + high) / 2
            if starts[middle] <= token { low = middle } else { high = middle }
        }
        return low
    }
}
