/// What a replacement or a split looks for.
enum TextPattern: Sendable {
    /// The bytes themselves.
    case text([UInt8])
    case regularExpression(RegularExpression)

    /// Calls `body` with the bounds of every match, in order.
    func forEachMatch(
        in text: UnsafeBufferPointer<UInt8>, _ searcher: RegularExpression.Searcher,
        _ body: (Range<Int>) -> Void
    ) {
        switch self {
        case .regularExpression(let expression):
            if !text.isEmpty { expression.forEachMatch(in: text, searcher, body) }
        case .text(let wanted):
            guard let first = wanted.first else { return }
            var position = 0
            while position + wanted.count <= text.count {
                if text[position] == first,
                    wanted.count == 1
                        || UnsafeBufferPointer(
                            rebasing: text[position..<(position + wanted.count)]
                        ).elementsEqual(wanted)
                {
                    body(position..<(position + wanted.count))
                    position += wanted.count
                } else {
                    position += 1
                }
            }
        }
    }

    /// The text with every match replaced.
    func replacing(
        _ text: [UInt8], with content: [UInt8], _ searcher: RegularExpression.Searcher
    ) -> [UInt8] {
        var first = 0
        return replacing(text, first: &first, with: content, searcher)
    }

    /// - Parameter first: How many bytes of the text come from its first character, then how many
    ///   of the result do: what replaces a match comes from the match's last character.
    func replacing(
        _ text: [UInt8], first: inout Int, with content: [UInt8],
        _ searcher: RegularExpression.Searcher
    ) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var newFirst = 0
        var done = 0
        let oldFirst = first
        text.withUnsafeBufferPointer { bytes in
            func copy(upTo end: Int) {
                if done < oldFirst { newFirst = result.count + min(end, oldFirst) - done }
                result.append(contentsOf: bytes[done..<end])
                done = end
            }
            forEachMatch(in: bytes, searcher) { match in
                copy(upTo: match.lowerBound)
                result.append(contentsOf: content)
                if match.upperBound <= oldFirst { newFirst = result.count }
                done = match.upperBound
            }
            copy(upTo: bytes.count)
        }
        first = oldFirst > 0 ? newFirst : 0
        return result
    }
}
