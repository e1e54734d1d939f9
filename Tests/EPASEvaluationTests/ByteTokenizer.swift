import EPASTokenizer

/// Bytes as tokens, but for two letters that become one token and for `<s>`.
struct ByteTokenizer: Tokenizer {
    static let vocabulary = 259
    static let start: Int32 = 256
    static let end: Int32 = 257
    /// Of "th".
    static let pair: Int32 = 258

    var beginningOfSequence: Int32? = start
    var endOfSequence: Int32? = end
    let vocabularySize = vocabulary
    let isLossless = true
    let hash = ""
    let files: [TokenizerFile] = []

    func encode(_ text: String, allowingSpecial: Bool) -> [Int32] {
        var ids: [Int32] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.first {
            if allowingSpecial, rest.starts(with: "<s>".utf8) {
                ids.append(Self.start)
                rest = rest.dropFirst(3)
            } else if rest.starts(with: "th".utf8) {
                ids.append(Self.pair)
                rest = rest.dropFirst(2)
            } else {
                ids.append(Int32(byte))
                rest = rest.dropFirst()
            }
        }
        return ids
    }

    /// `<s>` is what it spells only where nothing is untrusted.
    func encode(_ text: String, untrusted: [Range<Int>]) -> [Int32] {
        encode(text, allowingSpecial: untrusted.isEmpty)
    }

    func decode(_ ids: [Int32]) -> String {
        ids.map { id in
            id < 256 ? String(Unicode.Scalar(UInt8(id))) : id == Self.pair ? "th" : ""
        }.joined()
    }
}
