import Crypto

/// A digest of a sequence's tokens up to some place, which stands for them in the prefix cache.
///
/// It is cryptographic because prompts come from strangers: two prompts with one digest would read
/// each other's keys and values.
struct TokenDigest: Hashable {
    private let bytes: SHA256.Digest

    /// The digest of a sequence that goes on from `previous`, or starts, with these tokens.
    init(_ tokens: some Sequence<Int32>, after previous: TokenDigest?) {
        var hash = SHA256()
        if let previous { previous.bytes.withUnsafeBytes { hash.update(bufferPointer: $0) } }
        for token in tokens {
            withUnsafeBytes(of: token.littleEndian) { hash.update(bufferPointer: $0) }
        }
        bytes = hash.finalize()
    }
}
