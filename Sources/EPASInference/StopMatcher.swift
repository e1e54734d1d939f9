/// Looks for the first of several strings in bytes that arrive piece by piece.
///
/// Source: Knuth, Morris & Pratt (1977), one automaton per string: each byte takes time that
/// does not depend on the strings' lengths.
struct StopMatcher {
    private struct Automaton {
        let pattern: [UInt8]
        /// For each length of a matched beginning, the longest shorter one that may continue it.
        let fallback: [Int]
        var matched = 0

        init(_ pattern: [UInt8]) {
            self.pattern = pattern
            var fallback = [Int](repeating: 0, count: pattern.count + 1)
            var length = 0
            for index in pattern.indices.dropFirst() {
                while length > 0, pattern[index] != pattern[length] { length = fallback[length] }
                if pattern[index] == pattern[length] { length += 1 }
                fallback[index + 1] = length
            }
            self.fallback = fallback
        }

        /// Whether the pattern ends with this byte.
        mutating func advance(_ byte: UInt8) -> Bool {
            while matched > 0, pattern[matched] != byte { matched = fallback[matched] }
            if pattern[matched] == byte { matched += 1 }
            return matched == pattern.count
        }
    }

    private var automata: [Automaton]

    /// - Precondition: no string is empty.
    init(_ strings: [String]) {
        precondition(!strings.contains(""), "an empty stop string")
        automata = strings.map { Automaton(Array($0.utf8)) }
    }

    /// Adds a byte and returns the number of the string that ends with it; of several the longest.
    ///
    /// After a match nothing more may be added.
    mutating func append(_ byte: UInt8) -> Int? {
        var found: Int?
        for index in automata.indices where automata[index].advance(byte) {
            if let other = found, automata[other].pattern.count >= automata[index].pattern.count {
                continue
            }
            found = index
        }
        return found
    }

    /// Bytes at the end that may be the beginning of a string.
    var pending: Int { automata.lazy.map(\.matched).max() ?? 0 }

    func length(of index: Int) -> Int { automata[index].pattern.count }
}
