/// A step that splits a normalized text into the words that the model sees one by one.
///
/// Source of the rules: tokenizers 0.23, pre_tokenizers/.
enum PreTokenizer: Sendable {
    case split(TextPattern, SplitBehavior, isInverted: Bool)
    case metaspace(Metaspace)
    case byteLevel(addsPrefixSpace: Bool, splits: RegularExpression?)
    case digits(SplitBehavior)
    case punctuation(SplitBehavior)
    /// Words and runs of other characters, without white space.
    case whitespace
    case whitespaceSplit
    case delimiter(Unicode.Scalar)
    case fixedLength(Int)

    struct Metaspace: Sendable {
        enum Prefix: String, Sendable {
            case always, first, never
        }

        /// The character that stands for a space, in UTF-8.
        var replacement: [UInt8]
        var prefix: Prefix
        var splits: Bool
    }

    /// A text in pieces.
    struct Pieces {
        var text: Normalizer.Text
        /// Not empty, in order, not overlapping.
        var ranges: [Range<Int>]

        init(_ text: Normalizer.Text) {
            self.text = text
            ranges = text.bytes.isEmpty ? [] : [0..<text.bytes.count]
        }
    }

    func apply(to pieces: inout Pieces, _ searcher: RegularExpression.Searcher) {
        switch self {
        case .split(let pattern, let behavior, let isInverted):
            Self.split(&pieces, pattern, behavior, isInverted: isInverted, searcher)
        case .metaspace(let metaspace): metaspace.apply(to: &pieces, searcher)
        case .byteLevel(let addsPrefixSpace, let expression):
            if addsPrefixSpace {
                Self.rewrite(&pieces) { piece, _, result in
                    if piece.first != 0x20 { result.append(0x20) }
                    result.append(contentsOf: piece)
                }
            }
            if let expression {
                Self.split(
                    &pieces, .regularExpression(expression), .isolated, isInverted: false, searcher)
            }
            Self.rewrite(&pieces) { piece, _, result in
                for byte in piece { ByteAlphabet.append(byte, to: &result) }
            }
        case .digits(let behavior):
            Self.split(&pieces, behavior, isMatch: CharacterClass.isNumeric)
        case .punctuation(let behavior):
            Self.split(&pieces, behavior, isMatch: CharacterClass.isPunctuation)
        case .whitespace: Self.splitIntoWords(&pieces)
        case .whitespaceSplit:
            Self.split(&pieces, .removed, isMatch: CharacterClass.isWhitespace)
        case .delimiter(let delimiter):
            Self.split(&pieces, .removed) { $0 == delimiter }
        case .fixedLength(let length): Self.cut(&pieces, every: length)
        }
    }

    // MARK: - Splitting

    fileprivate static func split(
        _ pieces: inout Pieces, _ pattern: TextPattern, _ behavior: SplitBehavior,
        isInverted: Bool, _ searcher: RegularExpression.Searcher
    ) {
        forEachPiece(&pieces) { bytes, start, ranges in
            if case .isolated = behavior {
                // The usual case needs no list of parts.
                var done = 0
                pattern.forEachMatch(in: bytes, searcher) { match in
                    if done < match.lowerBound {
                        ranges.append((start + done)..<(start + match.lowerBound))
                    }
                    if !match.isEmpty {
                        ranges.append((start + match.lowerBound)..<(start + match.upperBound))
                    }
                    done = match.upperBound
                }
                if done < bytes.count { ranges.append((start + done)..<(start + bytes.count)) }
                return
            }
            var parts: [SplitBehavior.Part] = []
            var done = 0
            func append(_ end: Int, isMatch: Bool) {
                let range = (start + done)..<(start + end)
                parts.append(.init(range: range, isMatch: isMatch != isInverted))
                done = end
            }
            pattern.forEachMatch(in: bytes, searcher) { match in
                if done < match.lowerBound { append(match.lowerBound, isMatch: false) }
                append(match.upperBound, isMatch: true)
            }
            if done < bytes.count { append(bytes.count, isMatch: false) }
            behavior.append(parts, to: &ranges)
        }
    }

    /// Splits at every character for which `isMatch` holds.
    private static func split(
        _ pieces: inout Pieces, _ behavior: SplitBehavior, isMatch: (Unicode.Scalar) -> Bool
    ) {
        forEachPiece(&pieces) { bytes, start, ranges in
            var parts: [SplitBehavior.Part] = []
            var (done, position) = (0, 0)
            while position < bytes.count {
                let (scalar, width) = UTF8Text.scalar(bytes, at: position)
                if isMatch(scalar) {
                    if done < position {
                        parts.append(
                            .init(range: (start + done)..<(start + position), isMatch: false))
                    }
                    done = position + width
                    parts.append(.init(range: (start + position)..<(start + done), isMatch: true))
                }
                position += width
            }
            if done < position {
                parts.append(.init(range: (start + done)..<(start + position), isMatch: false))
            }
            behavior.append(parts, to: &ranges)
        }
    }

    private static func splitIntoWords(_ pieces: inout Pieces) {
        enum Kind { case word, other, space }
        forEachPiece(&pieces) { bytes, start, ranges in
            var (done, position) = (0, 0)
            var kind = Kind.space
            while position <= bytes.count {
                let (scalar, width) =
                    position < bytes.count ? UTF8Text.scalar(bytes, at: position) : (" ", 1)
                let next: Kind =
                    CharacterClass.isWord(scalar)
                    ? .word : CharacterClass.isWhitespace(scalar) ? .space : .other
                if next != kind || position == bytes.count {
                    if kind != .space, done < position {
                        ranges.append((start + done)..<(start + position))
                    }
                    done = position
                    kind = next
                }
                position += width
            }
        }
    }

    private static func cut(_ pieces: inout Pieces, every length: Int) {
        forEachPiece(&pieces) { bytes, start, ranges in
            var (done, position, count) = (0, 0, 0)
            while position < bytes.count {
                position += UTF8Text.width(bytes[position])
                count += 1
                if count == length || position >= bytes.count {
                    ranges.append((start + done)..<(start + position))
                    (done, count) = (position, 0)
                }
            }
        }
    }

    /// Replaces every piece by the pieces that `body` appends; it is given the bytes of the piece
    /// and where they begin.
    private static func forEachPiece(
        _ pieces: inout Pieces,
        _ body: (UnsafeBufferPointer<UInt8>, Int, inout [Range<Int>]) -> Void
    ) {
        var ranges: [Range<Int>] = []
        ranges.reserveCapacity(pieces.ranges.count)
        pieces.text.bytes.withUnsafeBufferPointer { bytes in
            for range in pieces.ranges {
                body(UnsafeBufferPointer(rebasing: bytes[range]), range.lowerBound, &ranges)
            }
        }
        pieces.ranges = ranges
    }

    /// Replaces the text of every piece by what `body` appends; it is given the piece's bytes and
    /// whether it begins with the first character of the whole input.
    fileprivate static func rewrite(
        _ pieces: inout Pieces,
        _ body: (UnsafeBufferPointer<UInt8>, Bool, inout [UInt8]) -> Void
    ) {
        var result: [UInt8] = []
        result.reserveCapacity(pieces.text.bytes.count + pieces.text.bytes.count / 4)
        var first = 0
        pieces.text.bytes.withUnsafeBufferPointer { bytes in
            for (index, range) in pieces.ranges.enumerated() {
                let start = result.count
                let isFirst = range.lowerBound < pieces.text.first
                body(UnsafeBufferPointer(rebasing: bytes[range]), isFirst, &result)
                pieces.ranges[index] = start..<result.count
                if range.upperBound <= pieces.text.first {
                    first = result.count
                } else if isFirst {
                    // Of the piece that the first character's part ends in, the same share.
                    let rest = range.upperBound - pieces.text.first
                    first = max(start + 1, result.count - rest)
                }
            }
        }
        pieces.text = Normalizer.Text(bytes: result, first: first)
    }
}

extension PreTokenizer.Metaspace {
    fileprivate func apply(
        to pieces: inout PreTokenizer.Pieces, _ searcher: RegularExpression.Searcher
    ) {
        PreTokenizer.rewrite(&pieces) { piece, isFirst, result in
            // A replaced space is the replacement already.
            let hasPrefix = piece.first == 0x20 || piece.starts(with: replacement)
            let wantsPrefix: Bool =
                switch prefix {
                case .always: true
                case .first: isFirst
                case .never: false
                }
            if wantsPrefix, !hasPrefix { result.append(contentsOf: replacement) }
            for byte in piece {
                if byte == 0x20 {
                    result.append(contentsOf: replacement)
                } else {
                    result.append(byte)
                }
            }
        }
        if splits {
            PreTokenizer.split(
                &pieces, .text(replacement), .mergedWithNext, isInverted: false, searcher)
        }
    }
}
