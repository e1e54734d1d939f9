// The switchable activation-sharing decoder layer: EPAS section 2.1 and figure 2.
//
// A layer is in sharing mode exactly when it is handed activations to reuse. There is no mode flag
// and no cache object: the cache C of Algorithm 1 is the value that the loop in `Llama` carries
// from a source layer to the layers that reuse it.
//
// Dimensions: B batch, T sequence, D model, N query heads, K key heads, G = N/K, H head.

package import EPASGraph

/// What a layer attended with, after projection and rotary embedding.
package struct AttentionActivations {
    /// [B, T, N, H]; `nil` in a layer that was handed probabilities.
    package let query: Tensor?
    /// [B, T, K, H]; `nil` in a layer that was handed probabilities.
    package let key: Tensor?
    /// [B, T, K, H]
    package let value: Tensor
    /// softmax(q kᵀ / √H), [B, K, G, T, T].
    package let probabilities: Tensor

    /// Returns the part that a sharing layer takes.
    func reusable(as kind: SharingKind) -> ReusedActivations {
        switch kind {
        case .queryKey: ReusedActivations(query: query, key: key)
        case .keyValue: ReusedActivations(key: key, value: value)
        case .scores: ReusedActivations(probabilities: probabilities)
        }
    }
}

/// Activations handed to a sharing layer; it computes those that are `nil`.
struct ReusedActivations {
    var query: Tensor?
    var key: Tensor?
    var value: Tensor?
    var probabilities: Tensor?
}

/// A LLaMA decoder layer that can reuse another layer's attention activations.
struct DecoderLayer {
    let attentionNorm: RMSNorm
    let attention: Attention
    let feedForwardNorm: RMSNorm
    let feedForward: FeedForward

    /// Applies the layer to the residual stream.
    ///
    /// - Parameters:
    ///   - x: The residual stream, [B, T, D].
    ///   - reused: The source layer's activations in sharing mode; `nil` in compute mode.
    /// - Returns: The new residual stream, and the activations this layer attended with.
    func callAsFunction(
        _ x: Tensor, positions: RotaryAngles, reusing reused: ReusedActivations?
    ) -> (Tensor, AttentionActivations) {
        let activations = attention.activations(
            attentionNorm(x), positions: positions, reusing: reused ?? ReusedActivations())
        let h = x + attention(activations)
        return (h + feedForward(feedForwardNorm(h)), activations)
    }
}
