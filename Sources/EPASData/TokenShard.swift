import Foundation
import Synchronization

/// A shard's file, read a stretch at a time.
///
/// The header is checked when the shard is opened, and each block of tokens against its digest
/// before any of its tokens is first used. Reading opens the file each time: no descriptors are
/// kept, and a file that shrinks is an error rather than a fault, as with a mapping it would be.
final class TokenShard: Sendable {
    let header: ShardHeader
    private let path: String
    private let blockDigests: [UInt8]
    /// Blocks already compared with their digests.
    private let checked: Mutex<Set<Int>>

    /// - Throws: ``DataError`` naming the file, unless it is the one the manifest lists.
    init(_ entry: Manifest.Shard, in directory: URL, tokenizer: Manifest.TokenizerFacts) throws {
        path = directory.appending(path: entry.name).path
        checked = Mutex([])
        guard FileManager.default.fileExists(atPath: path) else {
            throw Self.refusal(path, "is missing")
        }
        let size = try Self.withFile(path) { file in
            var facts = stat()
            return fstat(file, &facts) == 0 ? Int(facts.st_size) : -1
        }
        guard size == entry.bytes else {
            throw Self.refusal(path, "has \(size) bytes instead of \(entry.bytes)")
        }
        let bytes = try Self.read(path, at: 0, count: min(ShardHeader.byteCount, size))
        do {
            header = try ShardHeader(bytes)
        } catch {
            throw Self.refusal(path, "is damaged: \(error.rawValue)")
        }
        guard Digest(of: bytes).hexadecimal == entry.headerSha256, header.tokens == entry.tokens,
            header.documents == entry.documents, header.fileBytes == size,
            header.vocabularySize == tokenizer.vocabularySize,
            header.tokenizer.hexadecimal == tokenizer.sha256
        else {
            throw Self.refusal(path, "is not the file that the manifest lists")
        }
        blockDigests = try Self.read(
            path, at: ShardHeader.byteCount + header.payloadBytes, count: header.tableBytes)
        guard Digest(of: blockDigests) == header.table else {
            throw Self.refusal(path, "is damaged: its table's checksum does not match")
        }
    }

    /// Copies tokens into memory for as many.
    ///
    /// - Precondition: the range lies within the shard.
    /// - Throws: ``DataError`` when the file cannot be read or a block is damaged.
    func copy(_ range: Range<Int>, to tokens: UnsafeMutableBufferPointer<Int32>) throws {
        precondition(0..<header.tokens ~= range.lowerBound && range.upperBound <= header.tokens)
        let width = header.elementWidth
        let first = range.lowerBound * width / ShardHeader.blockBytes
        let last = (range.upperBound * width - 1) / ShardHeader.blockBytes
        for block in first...last { try check(block) }
        let bytes = try Self.read(
            path, at: ShardHeader.byteCount + range.lowerBound * width, count: range.count * width)
        bytes.withUnsafeBytes { bytes in
            for i in 0..<range.count {
                tokens[i] =
                    width == 2
                    ? Int32(
                        UInt16(
                            littleEndian: bytes.loadUnaligned(
                                fromByteOffset: 2 * i, as: UInt16.self)))
                    : Int32(
                        littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * i, as: Int32.self))
            }
        }
        // Whoever wrote the shard may have written anything, checksums and all.
        guard tokens.prefix(range.count).allSatisfy({ 0..<header.vocabularySize ~= Int($0) }) else {
            throw Self.refusal(path, "holds a token outside the vocabulary")
        }
    }

    private func check(_ block: Int) throws {
        if checked.withLock({ $0.contains(block) }) { return }
        let start = block * ShardHeader.blockBytes
        let end = min(start + ShardHeader.blockBytes, header.payloadBytes)
        let bytes = try Self.read(path, at: ShardHeader.byteCount + start, count: end - start)
        let place = block * ShardHeader.blockDigestBytes
        let expected = blockDigests[place..<(place + ShardHeader.blockDigestBytes)]
        guard Digest(of: bytes).bytes.starts(with: expected) else {
            throw Self.refusal(path, "is damaged: tokens do not match their checksum")
        }
        checked.withLock { _ = $0.insert(block) }
    }

    private static func read(_ path: String, at offset: Int, count: Int) throws -> [UInt8] {
        try withFile(path) { file in
            try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                while filled < count {
                    let n = pread(
                        file, buffer.baseAddress! + filled, count - filled, off_t(offset + filled))
                    if n < 0, errno == EINTR { continue }
                    guard n > 0 else {
                        throw refusal(
                            path,
                            n == 0
                                ? "is shorter than it was"
                                : "cannot be read: \(String(cString: strerror(errno)))")
                    }
                    filled += n
                }
            }
        }
    }

    private static func withFile<Result>(
        _ path: String, _ body: (Int32) throws -> Result
    ) throws -> Result {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            throw refusal(path, "cannot be opened: \(String(cString: strerror(errno)))")
        }
        defer { close(file) }
        return try body(file)
    }

    private static func refusal(_ path: String, _ problem: String) -> DataError {
        DataError(
            "\(path) \(problem)",
            remedy: "Copy the file again, or make the data set again with `epas data prepare`.")
    }
}
