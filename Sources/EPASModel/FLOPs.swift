// Floating-point operations of a sample, as the paper counts them (Table 1; METHOD.md, section 3):
// two per multiply-add, backward twice the forward, causal mask not discounted, embedding lookup,
// norms, rotary embedding and softmax not counted.

/// Floating-point operations of one sequence.
package struct FLOPs: Hashable, Sendable {
    /// Operations of one forward pass.
    package let forward: Double

    /// Operations of one forward and backward pass.
    package var training: Double { 3 * forward }
}

extension ModelConfig {
    /// Counts the operations of one sequence under a plan.
    ///
    /// ``SharingKind/scores`` counts as ``SharingKind/queryKey``: it is the same function.
    ///
    /// - Parameter sequence: Tokens in the sequence, T; at least 1.
    package func flops(sequence: Int, plan: SharingPlan = .none) -> FLOPs {
        let (T, L, D) = (Double(sequence), Double(layers), Double(width))
        let query = Double(heads * headDimension)
        let keyValue = Double(keyValueHeads * headDimension)
        let layer = D * (2 * query + 2 * keyValue + 3 * Double(feedForward))
        let skipped: Double =
            switch plan.kind {
            case .queryKey, .scores: D * (query + keyValue)
            case .keyValue: D * 2 * keyValue
            }
        let weights = L * layer + Double(vocabulary) * D - Double(plan.sources.count) * skipped
        return FLOPs(forward: 2 * T * weights + L * 4 * T * T * query)
    }
}
