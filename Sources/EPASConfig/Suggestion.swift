/// Returns the candidate that `word` is most likely a misspelling of, if any is near.
///
/// Near is an edit distance (insertions, deletions, substitutions, swaps of neighbours) of at most
/// a third of the word's length, and at least 1.
func suggestion(for word: String, among candidates: [String]) -> String? {
    let word = Array(word.prefix(64))
    let limit = max(1, word.count / 3)
    let nearest = candidates.map { ($0, editDistance(word, Array($0))) }.min { $0.1 < $1.1 }
    guard let (candidate, distance) = nearest, distance <= limit else { return nil }
    return candidate
}

private func editDistance(_ a: [Character], _ b: [Character]) -> Int {
    var beforePrevious = [Int](repeating: 0, count: b.count + 1)
    var previous = Array(0...b.count)
    for i in a.indices {
        var current = [i + 1]
        for j in b.indices {
            var best = min(
                previous[j] + (a[i] == b[j] ? 0 : 1), previous[j + 1] + 1, current[j] + 1)
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                best = min(best, beforePrevious[j - 1] + 1)
            }
            current.append(best)
        }
        beforePrevious = previous
        previous = current
    }
    return previous[b.count]
}
