import Foundation

/// A normalization form of Unicode (Unicode Standard Annex 15).
enum UnicodeForm: String, Sendable {
    case nfc = "NFC"
    case nfd = "NFD"
    case nfkc = "NFKC"
    case nfkd = "NFKD"

    /// Characters of later versions go through `tokenizers` unchanged.
    static let newestVersion = 9

    func apply(to bytes: [UInt8]) -> [UInt8] {
        guard bytes.contains(where: { $0 >= 0x80 }) else { return bytes }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var known = String.UnicodeScalarView()
        UTF8Text.forEachScalar(of: bytes) { scalar in
            if scalar.isKnown(inUnicode: Self.newestVersion) {
                known.append(scalar)
            } else {
                result.append(contentsOf: normalized(known).utf8)
                known.removeAll()
                result.append(contentsOf: String(scalar).utf8)
            }
        }
        result.append(contentsOf: normalized(known).utf8)
        return result
    }

    private func normalized(_ text: String.UnicodeScalarView) -> String {
        let text = String(text)
        // Foundation on Linux leaves the marks of compatibility mappings in their order.
        var compatible: String {
            text.decomposedStringWithCompatibilityMapping.decomposedStringWithCanonicalMapping
        }
        switch self {
        case .nfd: return text.decomposedStringWithCanonicalMapping
        case .nfkd: return compatible
        // Foundation on Linux composes characters beyond U+FFFF by their lower half.
        case .nfc: return Self.composed(text.decomposedStringWithCanonicalMapping)
        case .nfkc: return Self.composed(compatible)
        }
    }

    private struct Pair: Hashable {
        let first: Unicode.Scalar
        let second: Unicode.Scalar
    }

    /// Joins the characters of a decomposed text.
    private static func composed(_ text: String) -> String {
        var result: [Unicode.Scalar] = []
        /// Where the last character is that others may join.
        var starter: Int?
        /// The class of the last character after it that did not join it.
        var lastClass: UInt8 = 0
        for scalar in text.unicodeScalars {
            let combiningClass = scalar.properties.canonicalCombiningClass.rawValue
            if let place = starter {
                let isNext = place == result.count - 1
                if isNext || lastClass != 0 && lastClass < combiningClass,
                    let joined = composition(of: result[place], scalar)
                {
                    result[place] = joined
                    continue
                }
            }
            if combiningClass == 0 { starter = result.count }
            lastClass = combiningClass
            result.append(scalar)
        }
        var view = String.UnicodeScalarView()
        view.append(contentsOf: result)
        return String(view)
    }

    private static func composition(
        of first: Unicode.Scalar, _ second: Unicode.Scalar
    ) -> Unicode.Scalar? {
        let (a, b) = (first.value, second.value)
        // Korean syllables (Unicode Standard, section 3.12): 21 vowels, 27 finals.
        if 0x1100..<0x1113 ~= a, 0x1161..<0x1176 ~= b {
            return Unicode.Scalar(0xAC00 + ((a - 0x1100) * 21 + b - 0x1161) * 28)
        }
        if 0xAC00..<0xD7A4 ~= a, (a - 0xAC00) % 28 == 0, 0x11A8..<0x11C3 ~= b {
            return Unicode.Scalar(a + b - 0x11A7)
        }
        return compositions[Pair(first: first, second: second)]
    }

    /// Pairs that join, from the characters that come apart.
    private static let compositions: [Pair: Unicode.Scalar] = {
        var wholes: [[Unicode.Scalar]: Unicode.Scalar] = [:]
        // Every character that may be composed lies here, Korean ones aside.
        for value in Array(0xC0...0x30FF) + Array(0x11000...0x11FFF) as [UInt32] {
            guard let scalar = Unicode.Scalar(value),
                !scalar.properties.isFullCompositionExclusion,
                scalar.isKnown(inUnicode: newestVersion)
            else { continue }
            let parts = Array(
                String(scalar).decomposedStringWithCanonicalMapping.unicodeScalars)
            if parts.count > 1 { wholes[parts] = scalar }
        }
        var pairs: [Pair: Unicode.Scalar] = [:]
        for (parts, whole) in wholes {
            let head = parts.count == 2 ? parts[0] : wholes[Array(parts.dropLast())]
            if let head { pairs[Pair(first: head, second: parts[parts.count - 1])] = whole }
        }
        return pairs
    }()
}
