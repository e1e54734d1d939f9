// The switchable activation-sharing decoder layer: EPAS section 2.1 and figure 2.
//
// A layer is in sharing mode exactly when it is handed activations to reuse. There is no mode flag
// and no cache object: the cache C of Algorithm 1 is the value that the loop in `Llama` carries
// from a source layer to the layers that reuse it.
//
// Dimensions: B batch, T sequence, D model, N query heads, K key heads, G = N/K, H head.

import EPASConfig
package import EPASGraph

/// What a layer attended with, after projection and rotary embedding.
package struct AttentionActivations {
    /// [B, T, N, H]; `nil` in a layer that was handed probabilities.
    package var query: Tensor?
    /// [B, T, K, H]; `nil` in a layer that was handed probabilities.
    package var key: Tensor?
    /// [B, T, K, H]
    package let value: Tensor
    package let probabilities: AttentionProbabilities
    /// The values mixed by the probabilities, [B, T, N, H], where that came with them.
    var mixed: Tensor?

    /// Returns the part that a sharing layer takes.
    func reusable(as kind: SharingKind) -> ReusedActivations {
        switch (kind, probabilities) {
        case (.keyValue, _): ReusedActivations(key: key, value: value)
        case (.queryKey, .values): ReusedActivations(query: query, key: key)
        // Equal queries and keys have equal probabilities: kernels compute them once.
        case (.queryKey, .shared), (.scores, _): ReusedActivations(probabilities: probabilities)
        }
    }
}

/// softmax(q kᵀ / √H) of a layer.
package enum AttentionProbabilities {
    /// [B, K, G, T, T].
    case values(Tensor)
    /// What kernels take for them.
    case shared(SharedProbabilities, [Tensor])
}

/// Activations handed to a sharing layer; it computes those that are `nil`.
struct ReusedActivations {
    var query: Tensor?
    var key: Tensor?
    var value: Tensor?
    var probabilities: AttentionProbabilities?
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
    ///   - lends: Whether other layers will reuse this one's probabilities.
    ///   - rematerialization: What the backward pass computes again.
    /// - Returns: The new residual stream, and the activations this layer attended with.
    func callAsFunction(
        _ x: Tensor, positions: RotaryAngles, reusing reused: ReusedActivations?,
        lends: Bool = false, rematerialization: Rematerialization = .none
    ) -> (Tensor, AttentionActivations) {
        x.graph.recomputed(from: rematerialization == .layer ? x : nil) {
            let (mixed, activations) = x.graph.recomputed(
                from: rematerialization == .attention ? x : nil
            ) {
                let activations = attention.activations(
                    attentionNorm(x), positions: positions,
                    reusing: reused ?? ReusedActivations(), lends: lends)
                return (attention.mixed(activations), activations)
            }
            let h = x + attention.projected(mixed)
            return (h + feedForward(feedForwardNorm(h)), activations)
        }
    }
}
