import Foundation

extension TokenScore {
    /// Scores a token, and the most likely ones beside it, from the logits it was chosen from.
    ///
    /// - Parameter logits: One per token of the vocabulary, as the model gave them.
    /// - Returns: `nil` if the logits are no numbers.
    package init?(token: Int32, alternatives count: Int, logits: [Float]) {
        guard let largest = logits.max(), largest.isFinite else { return nil }
        var sum = 0.0
        for logit in logits { sum += Double(exp(logit - largest)) }
        guard sum.isFinite else { return nil }
        let normalizer = Double(largest) + log(sum)
        func candidate(_ index: Int) -> Candidate {
            // A logit of minus infinity has no finite logarithm; JSON has no infinity.
            let value = max(Double(logits[index]) - normalizer, -1e4)
            return Candidate(token: Int32(index), logProbability: Float(value))
        }
        self.init(
            chosen: candidate(Int(token)),
            alternatives: Self.largest(min(count, logits.count), of: logits).map(candidate))
    }

    /// Places of the largest values, largest first, equal ones by place.
    private static func largest(_ count: Int, of values: [Float]) -> [Int] {
        guard count > 0 else { return [] }
        var best: [Int] = []
        best.reserveCapacity(count + 1)
        for (index, value) in values.enumerated() {
            if best.count == count, value <= values[best[count - 1]] { continue }
            // The first of equal values stays in front.
            let place = best.firstIndex { values[$0] < value } ?? best.count
            best.insert(index, at: place)
            if best.count > count { best.removeLast() }
        }
        return best
    }
}
