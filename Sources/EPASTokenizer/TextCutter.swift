// Where a text may be cut so that its parts, encoded one by one, give the ids of the whole.
//
// BPE joins neighbours only into a piece of the vocabulary. Where no piece has the two characters
// on either side of a cut next to each other, nothing is ever joined across it, and the joins on
// one side do not depend on the other. Two such places are looked for in the vocabulary:
//   - on either side of a line feed, if no piece contains one;
//   - between a character other than a space and a space, if no piece contains that pair.
// Models trained here and LLaMA's have both. Parts are then words, whose ids are remembered; and
// memory stays small, for SentencePiece needs some sixty bytes for each byte of text at once.
//
// U+2581 in the text gets its own part. SentencePiece writes spaces as that character, so it
// would come back as a space; as three byte tokens it comes back as itself.

/// Cuts text into parts that can be encoded one by one.
struct TextCutter: Sendable {
    enum Part {
        case text(Range<Int>)
        /// U+2581, to be encoded as ``spaceSymbol``.
        case spaceSymbol
    }

    /// Text without a place to cut is cut regardless beyond this, in bytes, for want of memory.
    private static let longestPart = 64 << 20
    /// U+2581 in UTF-8.
    private static let symbol: [UInt8] = [0xe2, 0x96, 0x81]

    /// Token ids of the bytes of U+2581.
    let spaceSymbol: [Int32]
    private let cutsAtLines: Bool
    private let cutsAtSpaces: Bool

    /// - Precondition: the model has byte fallback and keeps text.
    init(_ model: SentencePieceModel) {
        let byteNames = Self.symbol.map { Array("<0x\(String($0, radix: 16).uppercased())>".utf8) }
        spaceSymbol = byteNames.map { name in
            Int32(model.pieces.firstIndex { $0.kind == .byte && $0.bytes == name } ?? 0)
        }
        cutsAtLines = !model.textPieces.contains { $0.bytes.contains(0x0a) }
        cutsAtSpaces = !model.textPieces.contains { Self.hasInnerSpace($0.bytes) }
    }

    /// Calls `body` with the parts of the text, in order.
    func forEachPart(of text: UnsafeBufferPointer<UInt8>, _ body: (Part) -> Void) {
        var start = 0
        var position = 0
        while position < text.count {
            if text[position] == 0xe2, text[position...].starts(with: Self.symbol) {
                if start < position { body(.text(start..<position)) }
                body(.spaceSymbol)
                position += 3
                start = position
                continue
            }
            if position > start,
                canCut(text, before: position)
                    || position - start >= Self.longestPart && text[position] & 0xc0 != 0x80
            {
                body(.text(start..<position))
                start = position
            }
            position += 1
        }
        if start < text.count { body(.text(start..<text.count)) }
    }

    private func canCut(_ text: UnsafeBufferPointer<UInt8>, before position: Int) -> Bool {
        let (last, next) = (text[position - 1], text[position])
        if cutsAtLines, last == 0x0a || next == 0x0a { return true }
        return cutsAtSpaces && next == 0x20 && last != 0x20
    }

    /// Whether a space symbol follows another character.
    private static func hasInnerSpace(_ piece: [UInt8]) -> Bool {
        var text = piece[...]
        while text.starts(with: symbol) { text = text.dropFirst(3) }
        return text.indices.contains { text[$0...].starts(with: symbol) } || text.contains(0x20)
    }
}
