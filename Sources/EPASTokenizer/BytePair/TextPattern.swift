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
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var done = 0
        text.withUnsafeBufferPointer { bytes in
            forEachMatch(in: bytes, searcher) { match in
                result.append(contentsOf: bytes[done..<match.lowerBound])
                result.append(contentsOf: content)
                done = match.upperBound
            }
            result.append(contentsOf: bytes[done...])
        }
        return result
    }
}
