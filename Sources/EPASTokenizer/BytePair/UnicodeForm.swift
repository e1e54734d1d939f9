import Foundation
import Synchronization

/// A normalization form of Unicode (Unicode Standard Annex 15).
enum UnicodeForm: String, Sendable {
    case nfc = "NFC"
    case nfd = "NFD"
    case nfkc = "NFKC"
    case nfkd = "NFKD"

    /// Characters of later versions go through `tokenizers` unchanged.
    static let newestVersion = 9

    /// Takes time linear in the length of the text; Foundation's functions, given a text at once,
    /// take the square of it.
    func apply(to bytes: [UInt8]) -> [UInt8] {
        guard bytes.contains(where: { $0 >= 0x80 }) else { return bytes }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var parts = Self.decompositions.withLock { $0[self] ?? [:] }
        let partCount = parts.count
        var known: [Unicode.Scalar] = []
        func flush() {
            Self.order(&known)
            if self == .nfc || self == .nfkc { known = Self.composed(known) }
            for scalar in known { result.append(contentsOf: UTF8.encode(scalar)!) }
            known.removeAll(keepingCapacity: true)
        }
        UTF8Text.forEachScalar(of: bytes) { scalar in
            if scalar.value < 0x80 {
                known.append(scalar)
            } else if let part = parts[scalar] {
                known.append(contentsOf: part)
            } else if scalar.isKnown(inUnicode: Self.newestVersion) {
                let part = decomposition(of: scalar)
                parts[scalar] = part
                known.append(contentsOf: part)
            } else {
                flush()
                result.append(contentsOf: UTF8.encode(scalar)!)
            }
        }
        flush()
        if parts.count > partCount {
            Self.decompositions.withLock { $0[self, default: [:]].merge(parts) { old, _ in old } }
        }
        return result
    }

    /// What characters that were met come apart into. They are at most all characters.
    private static let decompositions = Mutex<[UnicodeForm: [Unicode.Scalar: [Unicode.Scalar]]]>(
        [:])

    private func decomposition(of scalar: Unicode.Scalar) -> [Unicode.Scalar] {
        let text = String(scalar)
        switch self {
        case .nfc, .nfd: return Array(text.decomposedStringWithCanonicalMapping.unicodeScalars)
        case .nfkc, .nfkd:
            return Array(
                text.decomposedStringWithCompatibilityMapping.decomposedStringWithCanonicalMapping
                    .unicodeScalars)
        }
    }

    /// Puts marks that follow one another into the order of their classes (Unicode Standard,
    /// section 3.11).
    private static func order(_ text: inout [Unicode.Scalar]) {
        func combiningClass(_ scalar: Unicode.Scalar) -> UInt8 {
            // No character before the combining marks has a class.
            scalar.value < 0x300 ? 0 : scalar.properties.canonicalCombiningClass.rawValue
        }
        var start = 0
        while start < text.count {
            guard combiningClass(text[start]) != 0 else {
                start += 1
                continue
            }
            var marks: [(order: UInt8, scalar: Unicode.Scalar)] = []
            while start + marks.count < text.count {
                let scalar = text[start + marks.count]
                let order = combiningClass(scalar)
                guard order != 0 else { break }
                marks.append((order, scalar))
            }
            // The sort is stable: marks of one class stay in their order.
            marks.sort { $0.order < $1.order }
            for (offset, mark) in marks.enumerated() { text[start + offset] = mark.scalar }
            start += marks.count
        }
    }

    private struct Pair: Hashable {
        let first: Unicode.Scalar
        let second: Unicode.Scalar
    }

    /// Joins the characters of a decomposed text.
    private static func composed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        /// Where the last character is that others may join.
        var starter: Int?
        /// The class of the last character after it that did not join it.
        var lastClass: UInt8 = 0
        for scalar in text {
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
        return result
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
