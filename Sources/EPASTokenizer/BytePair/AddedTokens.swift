// Tokens that are cut out of the text before anything else is done with it.
//
// Source of the rules: tokenizers 0.23, tokenizer/added_vocabulary.rs.

/// A token of `added_tokens`.
struct AddedToken: Sendable {
    var id: Int32
    var content: [UInt8]
    /// What stands for it in the text: the content, or its normalized form.
    var pattern: [UInt8]
    /// Matches only where no letter or digit touches it.
    var isSingleWord = false
    /// Takes in white space on its left, on its right.
    var stripsLeft = false
    var stripsRight = false
    /// Looked for in the normalized text rather than in the text.
    var isNormalized = false
    /// Has no text, and stays text where text spells it.
    var isSpecial = false

    /// Whether text that the token takes in does not come back.
    var changesText: Bool { stripsLeft || stripsRight || pattern != content }
}

/// Where text that spells a special token is that token.
enum SpecialText: Sendable {
    case everywhere
    case nowhere
    /// Wholly outside the ranges of bytes, which are in order and do not overlap.
    case outside([Range<Int>])

    /// The bytes from a place on that are all within a range, or all outside of them.
    func run(at place: Int) -> (isInside: Bool, end: Int) {
        switch self {
        case .everywhere: return (false, .max)
        case .nowhere: return (true, .max)
        case .outside(let ranges):
            // The first range that ends behind the place.
            var (low, high) = (0, ranges.count)
            while low < high {
                let middle = (low + high) / 2
                if ranges[middle].upperBound > place { high = middle } else { low = middle + 1 }
            }
            guard low < ranges.count else { return (false, .max) }
            let range = ranges[low]
            return range.lowerBound <= place
                ? (true, range.upperBound) : (false, range.lowerBound)
        }
    }

    /// The same for a part of the text.
    func within(_ part: Range<Int>) -> SpecialText {
        guard case .outside(let ranges) = self else { return self }
        let inside = ranges.compactMap { range -> Range<Int>? in
            let shared = range.clamped(to: part)
            guard !shared.isEmpty else { return nil }
            return shared.lowerBound - part.lowerBound..<shared.upperBound - part.lowerBound
        }
        return inside.isEmpty ? .everywhere : .outside(inside)
    }
}

/// Finds added tokens in a text: the leftmost, of several there the longest.
struct AddedTokenFinder: Sendable {
    private struct Node: Sendable {
        var byte: UInt8
        var firstChild: Int32 = -1
        var sibling: Int32 = -1
        /// Number of the token that ends here; -1 if none does.
        var token: Int32 = -1
    }

    /// Bytes of a content, which bound the time of looking for it.
    static let longestContent = 512

    private let tokens: [AddedToken]
    private var nodes: [Node] = []
    /// The first nodes by their byte; -1 where there is none.
    private var roots = [Int32](repeating: -1, count: 256)

    /// - Precondition: patterns are not empty and no two are equal.
    init(_ tokens: [AddedToken]) {
        self.tokens = tokens
        for (number, token) in tokens.enumerated() {
            var node: Int32 = -1
            for byte in token.pattern { node = child(of: node, byte) ?? add(byte, to: node) }
            nodes[Int(node)].token = Int32(number)
        }
    }

    var isEmpty: Bool { tokens.isEmpty }

    @inline(__always)
    private func child(of node: Int32, _ byte: UInt8) -> Int32? {
        var child = node < 0 ? roots[Int(byte)] : nodes[Int(node)].firstChild
        while child >= 0 {
            if nodes[Int(child)].byte == byte { return child }
            child = nodes[Int(child)].sibling
        }
        return nil
    }

    private mutating func add(_ byte: UInt8, to node: Int32) -> Int32 {
        let new = Int32(nodes.count)
        nodes.append(Node(byte: byte))
        if node < 0 {
            roots[Int(byte)] = new
        } else {
            nodes[Int(new)].sibling = nodes[Int(node)].firstChild
            nodes[Int(node)].firstChild = new
        }
        return new
    }

    /// Calls `body` with the parts of the text that are not empty, in order: text, or a token.
    func forEachPart(
        of text: UnsafeBufferPointer<UInt8>, special: SpecialText,
        _ body: (Range<Int>, _ token: Int32?) -> Void
    ) {
        var done = 0
        var position = 0
        while !tokens.isEmpty, position < text.count {
            guard var match = longestMatch(in: text, at: position, before: text.count) else {
                position += 1
                continue
            }
            if tokens[match.token].isSpecial {
                let run = special.run(at: position)
                guard !run.isInside else {
                    // What a token covers that does not count is passed over all the same.
                    position = min(match.end, run.end)
                    continue
                }
                if match.end > run.end {
                    // A shorter token may still lie outside.
                    guard let shorter = longestMatch(in: text, at: position, before: run.end)
                    else {
                        position += 1
                        continue
                    }
                    match = shorter
                }
            }
            let token = tokens[match.token]
            var (start, end) = (position, match.end)
            position = match.end
            if token.isSingleWord, touchesWord(text, start, end) { continue }
            if token.stripsLeft {
                while start > done {
                    let (scalar, width) = UTF8Text.scalar(text, before: start)
                    guard scalar.properties.isWhitespace else { break }
                    start -= width
                }
            }
            if token.stripsRight {
                while end < text.count {
                    let (scalar, width) = UTF8Text.scalar(text, at: end)
                    guard scalar.properties.isWhitespace else { break }
                    end += width
                }
            }
            if done < start { body(done..<start, nil) }
            body(start..<end, token.id)
            done = end
        }
        if done < text.count { body(done..<text.count, nil) }
    }

    private func longestMatch(
        in text: UnsafeBufferPointer<UInt8>, at start: Int, before end: Int
    ) -> (token: Int, end: Int)? {
        var node: Int32 = -1
        var best: (token: Int, end: Int)?
        var position = start
        while position < end, let child = child(of: node, text[position]) {
            node = child
            position += 1
            let token = nodes[Int(node)].token
            if token >= 0 { best = (Int(token), position) }
        }
        return best
    }

    private func touchesWord(
        _ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int
    ) -> Bool {
        (start > 0 && CharacterClass.isWord(UTF8Text.scalar(text, before: start).scalar))
            || (end < text.count && CharacterClass.isWord(UTF8Text.scalar(text, at: end).scalar))
    }
}
