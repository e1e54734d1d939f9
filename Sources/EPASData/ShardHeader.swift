// The first 192 bytes of a token shard. The whole format is in docs/data-format.md.

/// What a token shard says about itself.
struct ShardHeader: Hashable, Sendable {
    static let byteCount = 192
    static let magic = Array("EPASTOKS".utf8)
    static let version: UInt32 = 1
    /// Tokens are checked in blocks of this many bytes.
    static let blockBytes = 65_536
    /// Bytes kept of each block's SHA-256.
    static let blockDigestBytes = 8

    /// Bytes of a token: 2 or 4.
    var elementWidth: Int
    var tokens: Int
    /// Documents that begin in this shard.
    var documents: Int
    var vocabularySize: Int
    var tokenizer: Digest
    /// Digest of the table of block digests that follows the tokens.
    var table: Digest

    /// Bytes of a token for a vocabulary.
    static func elementWidth(vocabularySize: Int) -> Int { vocabularySize <= 1 << 16 ? 2 : 4 }

    var payloadBytes: Int { tokens * elementWidth }
    var blockCount: Int { (payloadBytes + Self.blockBytes - 1) / Self.blockBytes }
    var tableBytes: Int { blockCount * Self.blockDigestBytes }
    var fileBytes: Int { Self.byteCount + payloadBytes + tableBytes }

    var bytes: [UInt8] {
        var bytes = Self.magic
        bytes.append(littleEndian: Self.version)
        bytes.append(littleEndian: UInt32(elementWidth))
        for count in [tokens, documents, vocabularySize, Self.blockBytes] {
            bytes.append(littleEndian: UInt64(count))
        }
        bytes += tokenizer.bytes + table.bytes
        bytes += Array(repeating: 0, count: Self.byteCount - Digest.byteCount - bytes.count)
        return bytes + Digest(of: bytes).bytes
    }

    init(
        elementWidth: Int, tokens: Int, documents: Int, vocabularySize: Int, tokenizer: Digest,
        table: Digest
    ) {
        self.elementWidth = elementWidth
        self.tokens = tokens
        self.documents = documents
        self.vocabularySize = vocabularySize
        self.tokenizer = tokenizer
        self.table = table
    }

    /// Why bytes are not a header.
    enum Flaw: String, Error {
        case notAShard = "it is not a token shard"
        case version = "it was made by another version of epas"
        case checksum = "its header's checksum does not match"
        case values = "its header's values are impossible"
    }

    init(_ bytes: [UInt8]) throws(Flaw) {
        guard bytes.starts(with: Self.magic), bytes.count == Self.byteCount else {
            throw .notAShard
        }
        let covered = bytes.dropLast(Digest.byteCount)
        guard Digest(of: Array(covered)).bytes == Array(bytes.suffix(Digest.byteCount)) else {
            throw .checksum
        }
        guard bytes.littleEndian(UInt32.self, at: 8) == Self.version else { throw .version }
        let counts = stride(from: 16, to: 48, by: 8).map {
            Int(exactly: bytes.littleEndian(UInt64.self, at: $0)) ?? -1
        }
        elementWidth = Int(bytes.littleEndian(UInt32.self, at: 12))
        (tokens, documents, vocabularySize) = (counts[0], counts[1], counts[2])
        tokenizer = Digest(bytes: bytes[48..<80])
        table = Digest(bytes: bytes[80..<112])
        guard 0...(1 << 40) ~= tokens, documents >= 0, 1...(1 << 31) ~= vocabularySize,
            elementWidth == Self.elementWidth(vocabularySize: vocabularySize),
            counts[3] == Self.blockBytes, bytes[112..<160].allSatisfy({ $0 == 0 })
        else { throw .values }
    }
}

extension [UInt8] {
    mutating func append<Number: FixedWidthInteger>(littleEndian number: Number) {
        Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
    }

    /// - Precondition: the array has the number's bytes at `offset`.
    func littleEndian<Number: FixedWidthInteger>(_ type: Number.Type, at offset: Int) -> Number {
        withUnsafeBytes {
            Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self))
        }
    }
}
