import EPASTokenizer

/// A token per byte, and two special ones.
struct ByteTokenizer: Tokenizer {
    static let beginning: Int32 = 256
    static let end: Int32 = 257

    let vocabularySize = 258
    var beginningOfSequence: Int32? = Self.beginning
    let endOfSequence: Int32? = Self.end
    let isLossless = true
    let hash = "bytes"
    let files: [TokenizerFile] = []

    func encode(_ text: String, allowingSpecial: Bool) -> [Int32] { text.utf8.map { Int32($0) } }

    func encode(_ text: String, untrusted: [Range<Int>]) -> [Int32] { encode(text) }

    func decode(_ ids: [Int32]) -> String {
        String(decoding: ids.compactMap { UInt8(exactly: $0) }, as: UTF8.self)
    }

    func symbol(of id: Int32) -> TokenSymbol? {
        switch id {
        case 0..<256: .bytes([UInt8(id)])
        case Self.beginning: .special("<s>")
        case Self.end: .special("</s>")
        default: nil
        }
    }
}
