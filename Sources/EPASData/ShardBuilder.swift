/// Collects one split's tokens and hands out finished shards, each a whole file in memory.
///
/// A shard is bounded, so this stays small however long the split is. The stream of tokens is cut
/// where a shard is full, be it in the middle of a document.
struct ShardBuilder {
    /// A finished shard.
    struct Shard {
        let header: ShardHeader
        let file: [UInt8]
    }

    private let capacity: Int
    private let vocabularySize: Int
    private let tokenizer: Digest
    private let width: Int
    private var payload: [UInt8] = []
    private var tokens = 0
    private var documents = 0

    init(capacity: Int, vocabularySize: Int, tokenizer: Digest) {
        self.capacity = capacity
        self.vocabularySize = vocabularySize
        self.tokenizer = tokenizer
        width = ShardHeader.elementWidth(vocabularySize: vocabularySize)
    }

    /// Adds a document's tokens, passing each shard that fills up to `emit`.
    mutating func append<Failure: Error>(
        document ids: [Int32], emit: (Shard) throws(Failure) -> Void
    ) throws(Failure) {
        documents += 1
        var rest = ids[...]
        while !rest.isEmpty {
            let part = rest.prefix(capacity - tokens)
            append(part)
            rest = rest.dropFirst(part.count)
            if tokens == capacity { try emit(finish()) }
        }
    }

    /// Passes on what is left, if anything.
    mutating func flush<Failure: Error>(
        emit: (Shard) throws(Failure) -> Void
    ) throws(Failure) {
        if tokens > 0 { try emit(finish()) }
    }

    private mutating func append(_ ids: ArraySlice<Int32>) {
        payload.reserveCapacity(payload.count + ids.count * width)
        for id in ids {
            guard 0..<Int32(clamping: vocabularySize) ~= id else {
                fatalError("token \(id) is outside a vocabulary of \(vocabularySize)")
            }
            payload.append(UInt8(truncatingIfNeeded: id))
            payload.append(UInt8(truncatingIfNeeded: id >> 8))
            if width == 4 {
                payload.append(UInt8(truncatingIfNeeded: id >> 16))
                payload.append(UInt8(truncatingIfNeeded: id >> 24))
            }
        }
        tokens += ids.count
    }

    private mutating func finish() -> Shard {
        var table: [UInt8] = []
        for start in stride(from: 0, to: payload.count, by: ShardHeader.blockBytes) {
            let end = min(start + ShardHeader.blockBytes, payload.count)
            table += Digest(of: payload[start..<end]).bytes.prefix(ShardHeader.blockDigestBytes)
        }
        let header = ShardHeader(
            elementWidth: width, tokens: tokens, documents: documents,
            vocabularySize: vocabularySize, tokenizer: tokenizer, table: Digest(of: table))
        let shard = Shard(header: header, file: header.bytes + payload + table)
        payload.removeAll(keepingCapacity: true)
        tokens = 0
        documents = 0
        return shard
    }
}
