// The switchable activation-sharing decoder layer: EPAS section 2.1 and figure 2.
//
// A layer is in sharing mode exactly when it is handed activations to reuse. There is no mode flag
// and no cache object: the cache C of Algorithm 1 is the value that the loop in `Llama` carries
// from a source layer to the layers that reuse it.
//
// Dimensions: B batch, T sequence, D model, N query heads, K key heads, G = N/K, H head.

import EPASArray
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

/// The residual stream between layers: a sum whose last term waits for the norm that comes next,
/// which adds it on the way.
struct ResidualStream {
    /// [B, T, D], float32: many small terms are added to it.
    let x: Tensor
    /// What has yet to be added, [B, T, D], in the compute type.
    var term: Tensor?
    /// The type of what is computed from the stream.
    let computeType: ElementType

    /// The stream with everything added, and its norm in the compute type.
    func normed(by norm: RMSNorm) -> (x: Tensor, normed: Tensor) {
        guard let term else { return (x, norm(x, as: computeType)) }
        let results = norm(x, adding: term)
        return (results.sum, results.normed)
    }
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
    ///   - reused: The source layer's activations in sharing mode; `nil` in compute mode.
    ///   - keeps: Whether this layer's probabilities are kept for layers that reuse them.
    ///   - rematerialization: What the backward pass computes again.
    /// - Returns: The new residual stream, and the activations this layer attended with.
    func callAsFunction(
        _ stream: ResidualStream, positions: RotaryAngles, reusing reused: ReusedActivations?,
        keeps: Bool = false, rematerialization: Rematerialization = .none
    ) -> (ResidualStream, AttentionActivations) {
        let (x, z) = stream.normed(by: attentionNorm)
        /// Has the backward pass compute again what `body` builds if that is `mode`'s part.
        func recomputed<Result>(in mode: Rematerialization, _ body: () -> Result) -> Result {
            x.graph.recomputed(
                from: rematerialization == mode ? x : nil,
                knowing: (z, { attentionNorm($0, as: z.elementType) }), body)
        }
        return recomputed(in: .layer) {
            let (mixed, activations) = recomputed(in: .attention) {
                let activations = attention.activations(
                    z, positions: positions, reusing: reused ?? ReusedActivations(), keeps: keeps)
                return (attention.mixed(activations), activations)
            }
            let (h, normed) = feedForwardNorm(x, adding: attention.projected(mixed))
            let next = ResidualStream(
                x: h, term: feedForward(normed), computeType: stream.computeType)
            return (next, activations)
        }
    }
}
