// The normalization table of a SentencePiece model ("precompiled_charsmap"): four bytes, the
// size of a double-array trie, then the trie, then NUL-terminated replacement strings.
// Source: SentencePiece, src/normalizer.cc (DecodePrecompiledCharsMap, NormalizePrefix), and
// darts-clone's unit layout (https://github.com/s-yata/darts-clone).
//
// SentencePiece walks the table without bounds checks, so a damaged one would read outside of it.
// We follow every walk that any text could cause, once, before handing the model over.

/// Checks that a normalization table can be walked by any text.
struct CharacterMap {
    /// The replacements that one walk may find; the library keeps them in an array of this size.
    private static let mostMatches = 32
    /// No real table has keys nearly as long, in bytes.
    private static let longestKey = 256

    private let units: [UInt32]
    private let replacements: ArraySlice<UInt8>
    /// For each node already followed: most replacements found on a walk below it.
    private var matchesBelow: [Int: Int] = [:]

    /// - Returns: `nil` when the table's parts do not fit its size.
    init?(_ table: ArraySlice<UInt8>) {
        guard table.count > 4 else { return nil }
        let size = Int(Self.unit(table.prefix(4)))
        let rest = table.dropFirst(4)
        // The last replacement must end with NUL, or reading it would leave the table.
        guard size >= 4, size % 4 == 0, size < rest.count, rest.last == 0 else { return nil }
        let trie = rest.prefix(size)
        units = stride(from: trie.startIndex, to: trie.endIndex, by: 4).map {
            Self.unit(trie[$0..<($0 + 4)])
        }
        replacements = rest.dropFirst(size)
    }

    /// Whether no text leads a walk out of the table.
    mutating func isSafe() -> Bool {
        guard let matches = matches(below: offset(units[0]), depth: 0) else { return false }
        return matches <= Self.mostMatches
    }

    /// Most matches on a walk that continues from `base`; `nil` if one leaves the table.
    private mutating func matches(below base: Int, depth: Int) -> Int? {
        if let known = matchesBelow[base] { return known }
        // A walk deeper than any real key is a cycle.
        guard depth < Self.longestKey, base | 0xff < units.count else { return nil }
        var most = 0
        for byte in 0...0xff {
            let unit = units[base ^ byte]
            guard unit & 0x8000_00ff == UInt32(byte) else { continue }
            let child = (base ^ byte) ^ offset(unit)
            guard child < units.count else { return nil }
            let isMatch = unit >> 8 & 1 == 1
            if isMatch {
                guard units[child] & 0x7fff_ffff < replacements.count else { return nil }
            }
            guard let below = matches(below: child, depth: depth + 1) else { return nil }
            most = max(most, below + (isMatch ? 1 : 0))
        }
        matchesBelow[base] = most
        return most
    }

    private func offset(_ unit: UInt32) -> Int {
        Int((unit >> 10) << ((unit & 1 << 9) >> 6))
    }

    private static func unit(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
