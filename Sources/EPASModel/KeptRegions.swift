import EPASArray

extension SharingPlan {
    /// The source layers whose probabilities are kept for the layers that reuse them; those of the
    /// others are computed anew from their log-sum-exps.
    ///
    /// Kept probabilities of a region of n layers spare 2 n - 1 products of T² · H, and take the
    /// same memory whatever n is: the largest regions come first, the shallowest among equals.
    ///
    /// - Parameters:
    ///   - bytes: What one layer's probabilities take; `nil` for more than can be counted.
    ///   - bound: What those of all layers may take together.
    package func sourcesKeepingProbabilities(bytes: Int?, bound: Int) -> Set<Int> {
        guard let bytes, kind != .keyValue, bytes > 0, bound >= bytes else { return [] }
        let regions = Dictionary(grouping: sources.keys) { sources[$0] ?? $0 }
        let order = regions.sorted {
            ($0.value.count, -$0.key) > ($1.value.count, -$1.key)
        }
        return Set(order.prefix(bound / bytes).map(\.key))
    }
}
