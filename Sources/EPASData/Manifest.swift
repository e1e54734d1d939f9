package import Foundation

/// A part of a data set: what is trained on, and what is only measured on.
package enum Split: String, Codable, Sendable, CaseIterable {
    case train, validation
}

/// What a prepared folder holds: its `manifest.json`. See docs/data-format.md.
package struct Manifest: Codable, Hashable, Sendable {
    package static let fileName = "manifest.json"
    static let format = "epas-tokens"
    static let version = 1

    /// A shard's file.
    package struct Shard: Codable, Hashable, Sendable {
        /// The file's name, without folder.
        package let name: String
        package let tokens: Int
        /// Documents that begin in it.
        package let documents: Int
        /// The file's size.
        package let bytes: Int
        /// Of the file, as `sha256sum` prints it.
        package let sha256: String
        /// Of the file's first 192 bytes, which hold the digest of everything else.
        package let headerSha256: String
    }

    /// One split's shards, in the order of their tokens.
    package struct Part: Codable, Hashable, Sendable {
        package let tokens: Int
        package let documents: Int
        /// Bytes of text that became these tokens.
        package let textBytes: Int
        package let shards: [Shard]
    }

    package struct Skipped: Codable, Hashable, Sendable {
        package let reason: String
        package let documents: Int
    }

    package struct TokenizerFacts: Codable, Hashable, Sendable {
        /// Of `tokenizer/tokenizer.model`, or of `tokenizer/tokenizer.json` where there is no model.
        package let sha256: String
        package let vocabularySize: Int
        /// First token of every document, where the vocabulary has one.
        package let beginningOfSequence: Int32?
        /// Last token of every document, where the vocabulary has one.
        package let endOfSequence: Int32?
    }

    let format: String
    let version: Int
    /// SHA-256 of this file with these 64 digits as zeros.
    fileprivate(set) var checksum: String
    package let tokenizer: TokenizerFacts
    /// Seed of the split and of the tokenizer's sample.
    package let seed: UInt64
    package let validationFraction: Double
    package let train: Part
    package let validation: Part
    /// Documents left out, by reason.
    package let skipped: [Skipped]

    package subscript(split: Split) -> Part {
        switch split {
        case .train: train
        case .validation: validation
        }
    }

    init(
        tokenizer: TokenizerFacts, seed: UInt64, validationFraction: Double, train: Part,
        validation: Part, skipped: [Skipped]
    ) {
        format = Self.format
        version = Self.version
        checksum = Self.zeros
        self.tokenizer = tokenizer
        self.seed = seed
        self.validationFraction = validationFraction
        self.train = train
        self.validation = validation
        self.skipped = skipped
    }

    private static let zeros = String(repeating: "0", count: 2 * Digest.byteCount)
    private static let mostBytes = 256 << 20

    /// The file's contents, with its checksum.
    func file() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        var blank = self
        blank.checksum = Self.zeros
        var bytes = try encoder.encode(blank) + Data("\n".utf8)
        guard let place = bytes.range(of: Data(Self.zeros.utf8)) else {
            fatalError("the manifest has no place for its checksum")
        }
        bytes.replaceSubrange(place, with: Data(Digest(of: bytes).hexadecimal.utf8))
        return bytes
    }

    /// Reads and checks the manifest of a folder.
    ///
    /// - Throws: ``DataError`` when there is none, or a damaged one.
    package init(directory: URL) throws {
        let path = directory.appending(path: Self.fileName)
        guard FileManager.default.fileExists(atPath: path.path) else {
            throw DataError(
                "\(directory.path) holds no \(Self.fileName), so it is not a finished data set",
                remedy: "Make one with `epas data prepare`.")
        }
        let damaged = DataError(
            "\(path.path) is damaged", remedy: "Make the data set again with `epas data prepare`.")
        guard
            let size = try? path.resourceValues(forKeys: [.fileSizeKey]).fileSize,
            size <= Self.mostBytes, let file = try? Data(contentsOf: path)
        else { throw damaged }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let read = try? decoder.decode(Manifest.self, from: file) else { throw damaged }
        var blank = file
        guard read.checksum.utf8.count == Self.zeros.utf8.count,
            let place = file.range(of: Data("\"\(read.checksum)\"".utf8))
        else { throw damaged }
        blank.replaceSubrange(place, with: Data("\"\(Self.zeros)\"".utf8))
        guard Digest(of: blank).hexadecimal == read.checksum else { throw damaged }
        guard read.format == Self.format, read.version == Self.version else {
            throw DataError(
                "\(path.path) is of version \(read.version), and this epas reads \(Self.version)",
                remedy: "Make the data set again with `epas data prepare`.")
        }
        guard read.isConsistent else { throw damaged }
        self = read
    }

    /// Whether no number could lead its reader astray.
    private var isConsistent: Bool {
        guard 1...(1 << 31) ~= tokenizer.vocabularySize,
            Digest(hexadecimal: tokenizer.sha256) != nil
        else { return false }
        return [train, validation].allSatisfy { part in
            var tokens = 0
            for shard in part.shards {
                guard 1...(1 << 40) ~= shard.tokens, shard.bytes >= 0, shard.documents >= 0,
                    !shard.name.contains("/"), Digest(hexadecimal: shard.headerSha256) != nil
                else { return false }
                let (sum, overflows) = tokens.addingReportingOverflow(shard.tokens)
                guard !overflows else { return false }
                tokens = sum
            }
            return tokens == part.tokens && part.documents >= 0 && part.textBytes >= 0
        }
    }
}
