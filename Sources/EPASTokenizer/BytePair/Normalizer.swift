/// A change of the whole text before it is split.
///
/// Source of the rules: tokenizers 0.23, normalizers/ and tokenizer/normalizer.rs.
enum Normalizer: Sendable {
    case prepend([UInt8])
    case replace(TextPattern, [UInt8])
    case unicode(UnicodeForm)
    case lowercase
    case strip(left: Bool, right: Bool)
    /// Removes marks.
    case stripAccents
    /// Removes control characters and makes others spaces.
    case nmt
    case byteLevel

    /// A text, and how much of it comes from the first character of the whole input: `Metaspace`
    /// can ask whether a piece begins there.
    struct Text {
        var bytes: [UInt8]
        /// Length, in bytes, of what comes from the first character; 0 if that was removed, or
        /// if the text does not begin the input.
        var first: Int
    }

    func apply(to text: inout Text, _ searcher: RegularExpression.Searcher) {
        switch self {
        case .prepend(let prefix):
            guard !text.bytes.isEmpty else { return }
            text.bytes.insert(contentsOf: prefix, at: 0)
            if text.first > 0 { text.first += prefix.count }
        case .replace(let pattern, let content):
            text.bytes = pattern.replacing(
                text.bytes, first: &text.first, with: content, searcher)
        case .unicode(let form): map(&text) { form.apply(to: $0) }
        case .lowercase:
            map(&text) { bytes in
                Self.mapScalars(bytes) { scalar, result in
                    result.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
                }
            }
        case .strip(let left, let right): Self.strip(&text, left: left, right: right)
        case .stripAccents:
            map(&text) { bytes in
                Self.mapScalars(bytes) { scalar, result in
                    if !Self.isAccent(scalar) { result.append(contentsOf: String(scalar).utf8) }
                }
            }
        case .nmt: map(&text) { Self.mapScalars($0, Self.appendNMT) }
        case .byteLevel:
            map(&text) { bytes in
                var result: [UInt8] = []
                for byte in bytes { ByteAlphabet.append(byte, to: &result) }
                return result
            }
        }
    }

    private func map(_ text: inout Text, _ change: ([UInt8]) -> [UInt8]) {
        if text.first > 0 { text.first = change(Array(text.bytes.prefix(text.first))).count }
        text.bytes = change(text.bytes)
        text.first = min(text.first, text.bytes.count)
    }

    private static func mapScalars(
        _ bytes: [UInt8], _ change: (Unicode.Scalar, inout [UInt8]) -> Void
    ) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        UTF8Text.forEachScalar(of: bytes) { change($0, &result) }
        return result
    }

    /// Whether the character is a mark in Unicode 9, where two that are letters now were marks
    /// and one that is a mark now was punctuation.
    private static func isAccent(_ scalar: Unicode.Scalar) -> Bool {
        if [0x1CF2, 0x1CF3].contains(scalar.value) { return true }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark:
            return scalar.value != 0x111C9
                && scalar.isKnown(inUnicode: UnicodeForm.newestVersion)
        default: return false
        }
    }

    private static func strip(_ text: inout Text, left: Bool, right: Bool) {
        let (start, end) = text.bytes.withUnsafeBufferPointer { bytes in
            var (start, end) = (0, bytes.count)
            while left, start < end {
                let (scalar, width) = UTF8Text.scalar(bytes, at: start)
                guard CharacterClass.isWhitespace(scalar) else { break }
                start += width
            }
            while right, start < end {
                let (scalar, width) = UTF8Text.scalar(bytes, before: end)
                guard CharacterClass.isWhitespace(scalar) else { break }
                end -= width
            }
            return (start, end)
        }
        text.bytes = Array(text.bytes[start..<end])
        text.first = min(max(0, text.first - start), text.bytes.count)
    }

    /// Source: tokenizers 0.23, normalizers/unicode.rs (`do_nmt`).
    private static func appendNMT(_ scalar: Unicode.Scalar, to result: inout [UInt8]) {
        switch scalar.value {
        case 0x1...0x8, 0xB, 0xE...0x1F, 0x7F, 0x8F, 0x9F: return
        case 0x9, 0xA, 0xC, 0xD, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD:
            result.append(0x20)
        default: result.append(contentsOf: String(scalar).utf8)
        }
    }
}
