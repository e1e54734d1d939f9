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
        return (norm(x, as: computeType), state.pool)
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

    /// The probabilities of layers that others reuse, [M, N, T].
    private var probabilities: [Int: Tensor] = [:]

    init(rows: CachedRows, plan: SharingPlan, pool: Tensor) {
        self.rows = rows
        self.plan = plan
        self.pool = pool
    }

    /// Applies a decoder layer to the residual stream, [M, D].
    mutating func apply(_ index: Int, of llama: Llama, to x: Tensor) -> Tensor {
        let layer = llama.layers[index]
        let x = layer.attention.output.kernel(attend(index, layer, x), residual: x)
        let (gate, up) = (layer.feedForward.gate, layer.feedForward.up)
        let inner = x.graph.apply(
            GatedLinearKernel(
                epsilon: layer.feedForwardNorm.epsilon, hasBiases: gate.bias != nil),
            [x, layer.feedForwardNorm.weight] + gate.operands + up.operands)[0]
        return layer.feedForward.down.kernel(inner, residual: x)
    }

    /// Writes the keys and values that a layer adds to the cache, without attending.
    mutating func fill(_ index: Int, of llama: Llama, from x: Tensor) {
        _ = inputs(index, llama.layers[index], x, hasQuery: false)
    }

    /// Attention of the rows [M, D] over the cache, [M, N·H].
    private mutating func attend(_ index: Int, _ layer: DecoderLayer, _ x: Tensor) -> Tensor {
        let source = plan.sources[index]
        let weights: Tensor
        if let source, plan.kind != .keyValue, let reused = probabilities[source] {
            _ = inputs(index, layer, x, hasQuery: false)
            weights = reused
        } else {
            let query = inputs(index, layer, x, hasQuery: true)[0]
            let key = CachePlane(layer: source ?? index, kind: .key)
            let kernel = AttentionProbabilitiesKernel(
                keyValueHeads: layer.attention.keyValueHeads, plane: rows.index(of: key))
            weights =
                x.graph.apply(
                    kernel, [query, pool, rows.tables, rows.sequences, rows.positions])[0]
            if plan.isSource(index) { probabilities[index] = weights }
        }
        let value = CachePlane(
            layer: plan.kind == .keyValue ? source ?? index : index, kind: .value)
        return x.graph.apply(
            AttentionMixKernel(plane: rows.index(of: value)),
            [weights, pool, rows.tables, rows.sequences, rows.positions])[0]
    }

    /// Computes what the layer does not share, and writes its keys and values.
    ///
    /// - Returns: The queries, [M, N, H], if asked for.
    private mutating func inputs(
        _ index: Int, _ layer: DecoderLayer, _ x: Tensor, hasQuery: Bool
    ) -> [Tensor] {
        let attention = layer.attention
        let hasKey = !plan.shares(index)
        let hasValue = hasKey || plan.kind != .keyValue
        func plane(_ kind: CachePlane.Kind) -> Int {
            rows.index(of: CachePlane(layer: index, kind: kind))
        }
        let kernel = AttentionInputsKernel(
            epsilon: layer.attentionNorm.epsilon, hasQuery: hasQuery,
            keyPlane: hasKey ? plane(.key) : nil, valuePlane: hasValue ? plane(.value) : nil,
            hasBiases: attention.value.bias != nil)
        var results = x.graph.apply(
            kernel,
            [
                x, layer.attentionNorm.weight, rows.cosines, rows.sines, rows.positions, pool,
                rows.targets, rows.offsets,
            ] + (hasQuery ? attention.query.operands : [])
                + (hasKey ? attention.key.operands : [])
                + (hasValue ? attention.value.operands : []))
        pool = results.removeLast()
        return results
    }
}

extension Linear {
    /// [M, in] → [M, out], in the input's type unless another is asked for.
    fileprivate func kernel(
        _ x: Tensor, residual: Tensor? = nil, as type: ElementType? = nil
    ) -> Tensor {
        x.graph.apply(
            LinearKernel(resultType: type ?? x.elementType),
            [x, weight] + [scales, bias, residual].compactMap(\.self))[0]
    }
}
