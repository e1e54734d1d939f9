import EPASTokenizer

/// Writes one split's documents into shards of the output folder.
struct SplitWriter {
    private(set) var summary = PreparationSummary.Part()
    private var shards: [Manifest.Shard] = []
    private var builder: ShardBuilder
    private let split: Split
    private let folder: OutputFolder

    init(
        _ split: Split, _ tokenizer: any Tokenizer, shardTokens: Int,
        _ folder: OutputFolder
    ) {
        guard let hash = Digest(hexadecimal: tokenizer.hash) else {
            fatalError("the tokenizer's hash is not SHA-256: \(tokenizer.hash)")
        }
        builder = ShardBuilder(
            capacity: shardTokens, vocabularySize: tokenizer.vocabularySize, tokenizer: hash)
        self.split = split
        self.folder = folder
    }

    /// What the manifest says of this split.
    var part: Manifest.Part {
        Manifest.Part(
            tokens: summary.tokens, documents: summary.documents, textBytes: summary.textBytes,
            shards: shards)
    }

    mutating func append(document ids: [Int32], textBytes: Int) throws {
        summary.documents += 1
        summary.tokens += ids.count
        summary.textBytes += textBytes
        var full: [ShardBuilder.Shard] = []
        builder.append(document: ids) { full.append($0) }
        for shard in full { try write(shard) }
    }

    /// Writes what is left.
    mutating func finish() throws {
        var last: ShardBuilder.Shard?
        builder.flush { last = $0 }
        if let last { try write(last) }
    }

    private mutating func write(_ shard: ShardBuilder.Shard) throws {
        let number = String(shards.count)
        let padding = String(repeating: "0", count: max(0, 5 - number.count))
        let name = "\(split.rawValue)-\(padding)\(number)\(TokenDataset.shardSuffix)"
        try folder.write(shard.file, to: name)
        shards.append(
            Manifest.Shard(
                name: name, tokens: shard.header.tokens, documents: shard.header.documents,
                bytes: shard.file.count, sha256: Digest(of: shard.file).hexadecimal,
                headerSha256: Digest(of: shard.header.bytes).hexadecimal))
        summary.shards += 1
    }
}
