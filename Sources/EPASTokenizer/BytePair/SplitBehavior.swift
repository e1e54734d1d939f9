/// What becomes of the matches when a text is split.
///
/// Splitting `the-final--countdown` at `-` gives, without the empty pieces:
enum SplitBehavior: String, Sendable {
    /// the, final, countdown
    case removed = "Removed"
    /// the, -, final, -, -, countdown
    case isolated = "Isolated"
    /// the-, final-, -, countdown
    case mergedWithPrevious = "MergedWithPrevious"
    /// the, -final, -, -countdown
    case mergedWithNext = "MergedWithNext"
    /// the, -, final, --, countdown
    case contiguous = "Contiguous"

    /// A part of a text: a match, or what lies between two.
    struct Part {
        var range: Range<Int>
        var isMatch: Bool
    }

    /// Appends the pieces that the parts make.
    func append(_ parts: [Part], to pieces: inout [Range<Int>]) {
        switch self {
        case .isolated: for part in parts { append(part.range, &pieces) }
        case .removed: for part in parts where !part.isMatch { append(part.range, &pieces) }
        case .contiguous: merge(parts, &pieces) { part, last in part.isMatch == last }
        case .mergedWithPrevious: merge(parts, &pieces) { part, last in part.isMatch && !last }
        case .mergedWithNext:
            var reversed: [Range<Int>] = []
            merge(parts.reversed(), &reversed) { part, last in part.isMatch && !last }
            pieces.append(contentsOf: reversed.reversed())
        }
    }

    private func append(_ range: Range<Int>, _ pieces: inout [Range<Int>]) {
        if !range.isEmpty { pieces.append(range) }
    }

    /// Joins each part for which `joins` holds to the piece of the part before it.
    private func merge(
        _ parts: some Sequence<Part>, _ pieces: inout [Range<Int>],
        joins: (_ part: Part, _ lastWasMatch: Bool) -> Bool
    ) {
        var current: Range<Int>?
        var lastWasMatch = false
        for part in parts {
            if let piece = current, joins(part, lastWasMatch) {
                current =
                    min(
                        piece.lowerBound, part.range.lowerBound)..<max(
                        piece.upperBound, part.range.upperBound)
            } else {
                if let current { append(current, &pieces) }
                current = part.range
            }
            lastWasMatch = part.isMatch
        }
        if let current { append(current, &pieces) }
    }
}
