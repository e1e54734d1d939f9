// LLaMA over a key-value cache, for rows of several sequences at once. The same function as
// `hiddenStates`, whose keys and values of earlier tokens come from the cache.
//
// Dimensions: M rows, D model, N query heads, K key heads, H head, F feed-forward, V vocabulary.

import EPASArray
package import EPASGraph

extension Llama {
    /// Runs rows through every layer.
    ///
    /// - Parameter pool: The cache's blocks, see ``CachedRows``.
    /// - Returns: The normed final hidden states, [M, D], and the pool with the rows' keys and
    ///   values.
    package func advance(
        _ rows: CachedRows, pool: Tensor, plan: SharingPlan
    ) -> (hidden: Tensor, pool: Tensor) {
        var (x, state) = start(rows, pool: pool, plan: plan)
        for layer in 0..<config.layers { x = state.apply(layer, of: self, to: x) }
        return (norm.kernel(x), state.pool)
    }

    /// Runs rows only as far as later tokens need their keys and values.
    package func fill(_ rows: CachedRows, pool: Tensor, plan: SharingPlan) -> Tensor {
        var (x, state) = start(rows, pool: pool, plan: plan)
        let end = plan.skippableLayers(layers: config.layers) ?? config.layers
        for layer in 0..<end - 1 { x = state.apply(layer, of: self, to: x) }
        state.fill(end - 1, of: self, from: x)
        return state.pool
    }

    /// Projects hidden states [M, D] to logits [M, V], float32.
    package func logits(ofRows hidden: Tensor) -> Tensor {
        head.kernel(hidden, as: .float32)
    }

    private func start(
        _ rows: CachedRows, pool: Tensor, plan: SharingPlan
    ) -> (Tensor, CachedLayers) {
        let x = embedding.rows(at: rows.tokens).converted(to: computeType)
        return (x, CachedLayers(rows: rows, plan: plan, pool: pool))
    }
}

/// The layers' common state as rows go through them.
private struct CachedLayers {
    let rows: CachedRows
    let plan: SharingPlan
    /// The cache's blocks as of the last write.
    var pool: Tensor

    /// cos and sin of the rows' angles, [M, H/2].
    private let cosines: Tensor
    private let sines: Tensor
    /// The probabilities of layers that others reuse, [M, N, T].
    private var probabilities: [Int: Tensor] = [:]

    init(rows: CachedRows, plan: SharingPlan, pool: Tensor) {
        self.rows = rows
        self.plan = plan
        self.pool = pool
        cosines = rows.cosines.rows(at: rows.positions)
        sines = rows.sines.rows(at: rows.positions)
    }

    /// Applies a decoder layer to the residual stream, [M, D].
    mutating func apply(_ index: Int, of llama: Llama, to x: Tensor) -> Tensor {
        let layer = llama.layers[index]
        let attended = attend(index, layer.attention, layer.attentionNorm.kernel(x))
        let x = layer.attention.output.kernel(attended, residual: x)
        let z = layer.feedForwardNorm.kernel(x)
        let inner = x.graph.apply(
            SwiGLUKernel(),
            [layer.feedForward.gate.kernel(z), layer.feedForward.up.kernel(z)])[0]
        return layer.feedForward.down.kernel(inner, residual: x)
    }

    /// Writes the keys and values that a layer adds to the cache, without attending.
    mutating func fill(_ index: Int, of llama: Llama, from x: Tensor) {
        let layer = llama.layers[index]
        write(index, layer.attention, layer.attentionNorm.kernel(x))
    }

    /// Attention of the normed rows [M, D] over the cache, [M, N·H].
    private mutating func attend(_ index: Int, _ attention: Attention, _ z: Tensor) -> Tensor {
        write(index, attention, z)
        let source = plan.sources[index]
        let weights: Tensor
        if let source, plan.kind != .keyValue, let reused = probabilities[source] {
            weights = reused
        } else {
            let key = CachePlane(layer: source ?? index, kind: .key)
            weights =
                z.graph.apply(
                    AttentionProbabilitiesKernel(keyValueHeads: attention.keyValueHeads),
                    [
                        rotate(attention.query.kernel(z), heads: attention.heads, attention),
                        pool, rows.table(key), rows.sequences, rows.positions,
                    ])[0]
            if plan.isSource(index) { probabilities[index] = weights }
        }
        let value = CachePlane(
            layer: plan.kind == .keyValue ? source ?? index : index, kind: .value)
        return z.graph.apply(
            AttentionMixKernel(),
            [weights, pool, rows.table(value), rows.sequences, rows.positions])[0]
    }

    /// Writes what the layer computes of its keys and values.
    private mutating func write(_ index: Int, _ attention: Attention, _ z: Tensor) {
        let heads = attention.keyValueHeads
        if !plan.shares(index) {
            let key = rotate(attention.key.kernel(z), heads: heads, attention)
            pool = rows.write(key, to: CachePlane(layer: index, kind: .key), of: pool)
        }
        if !plan.shares(index) || plan.kind != .keyValue {
            let value = attention.value.kernel(z)
                .reshaped([z.dimensions[0], heads, attention.headDimension])
            pool = rows.write(value, to: CachePlane(layer: index, kind: .value), of: pool)
        }
    }

    /// [M, n·H] → [M, n, H], rotated by the rows' positions.
    private func rotate(_ x: Tensor, heads: Int, _ attention: Attention) -> Tensor {
        let split = x.reshaped([x.dimensions[0], heads, attention.headDimension])
        return x.graph.apply(RotaryKernel(), [split, cosines, sines])[0]
    }
}

extension RMSNorm {
    fileprivate func kernel(_ x: Tensor) -> Tensor {
        x.graph.apply(RMSNormKernel(epsilon: epsilon), [x, weight])[0]
    }
}

extension Linear {
    /// [M, in] → [M, out], in the input's type unless another is asked for.
    fileprivate func kernel(
        _ x: Tensor, residual: Tensor? = nil, as type: ElementType? = nil
    ) -> Tensor {
        x.graph.apply(
            LinearKernel(resultType: type ?? x.elementType),
            [x, weight] + [bias, residual].compactMap(\.self))[0]
    }
}
