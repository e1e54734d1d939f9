/// A step from the texts of tokens to the text.
///
/// Source of the rules: tokenizers 0.23, decoders/, pre_tokenizers/{byte_level,metaspace}.rs.
enum TokenDecoder: Sendable {
    case byteLevel
    case byteFallback
    case fuse
    case replace(TextPattern, [UInt8])
    case strip(Unicode.Scalar, start: Int, stop: Int)
    case metaspace(replacement: [UInt8], hasPrefix: Bool)
    /// Words end with the suffix.
    case wordSuffix([UInt8])

    /// U+FFFD in UTF-8.
    private static let unreadable: [UInt8] = [0xEF, 0xBF, 0xBD]

    func apply(to tokens: inout [[UInt8]], _ searcher: RegularExpression.Searcher) {
        switch self {
        case .byteLevel:
            let bytes = tokens.flatMap { ByteAlphabet.bytes(of: $0) ?? $0 }
            tokens = [Array(String(decoding: bytes, as: UTF8.self).utf8)]
        case .byteFallback: Self.joinBytes(&tokens)
        case .fuse: tokens = [Array(tokens.joined())]
        case .replace(let pattern, let content):
            for index in tokens.indices {
                tokens[index] = pattern.replacing(tokens[index], with: content, searcher)
            }
        case .strip(let scalar, let start, let stop):
            let wanted = Array(String(scalar).utf8)
            for index in tokens.indices {
                Self.strip(&tokens[index], wanted, start: start, stop: stop)
            }
        case .metaspace(let replacement, let hasPrefix):
            for index in tokens.indices {
                let space: [UInt8] = index == 0 && hasPrefix ? [] : [0x20]
                tokens[index] = TextPattern.text(replacement)
                    .replacing(tokens[index], with: space, searcher)
            }
        case .wordSuffix(let suffix):
            for index in tokens.indices {
                let space: [UInt8] = index == tokens.count - 1 ? [] : [0x20]
                tokens[index] = TextPattern.text(suffix)
                    .replacing(tokens[index], with: space, searcher)
            }
        }
    }

    /// The bytes of a token whose text this step makes of single bytes.
    func bytes(of token: [UInt8]) -> [UInt8]? {
        switch self {
        case .byteLevel: ByteAlphabet.bytes(of: token)
        case .byteFallback: Self.byte(named: token).map { [$0] }
        default: nil
        }
    }

    /// Makes text of the runs of tokens such as `<0xE2>`; a run that is not UTF-8 becomes as many
    /// replacement characters.
    private static func joinBytes(_ tokens: inout [[UInt8]]) {
        var result: [[UInt8]] = []
        var run: [UInt8] = []
        func endRun() {
            if String(validating: run, as: UTF8.self) != nil {
                if !run.isEmpty { result.append(run) }
            } else {
                result += Array(repeating: unreadable, count: run.count)
            }
            run.removeAll(keepingCapacity: true)
        }
        for token in tokens {
            if let byte = byte(named: token) {
                run.append(byte)
            } else {
                endRun()
                result.append(token)
            }
        }
        endRun()
        tokens = result
    }

    /// The byte that a token such as `<0xE2>` stands for.
    private static func byte(named token: [UInt8]) -> UInt8? {
        guard token.count == 6, token.starts(with: "<0x".utf8), token[5] == UInt8(ascii: ">"),
            token[3] != UInt8(ascii: "-")
        else { return nil }
        return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
    }

    private static func strip(
        _ token: inout [UInt8], _ wanted: [UInt8], start: Int, stop: Int
    ) {
        var rest = token[...]
        var (start, stop) = (start, stop)
        while start > 0, rest.starts(with: wanted) {
            rest = rest.dropFirst(wanted.count)
            start -= 1
        }
        while stop > 0, rest.suffix(wanted.count).elementsEqual(wanted) {
            rest = rest.dropLast(wanted.count)
            stop -= 1
        }
        token = Array(rest)
    }
}
