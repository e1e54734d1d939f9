// Causal grouped-query attention (Vaswani et al., 2017; Ainslie et al., 2023) with rotary position
// embedding in Hugging Face's layout: the two halves of a head turn against each other.
//
// Dimensions: B batch, T sequence, D model, N query heads, K key heads, G = N/K, H head.

import EPASArray
import EPASGraph

/// The projections of self-attention.
struct Attention {
    let query: Linear
    let key: Linear
    let value: Linear
    let output: Linear
    let heads: Int
    let keyValueHeads: Int
    let headDimension: Int

    /// Computes what is not reused. `??` evaluates its right side only when needed: a reused
    /// projection adds nothing to the graph.
    ///
    /// - Parameter x: The normed residual stream, [B, T, D].
    func activations(
        _ x: Tensor, positions: RotaryAngles, reusing reused: ReusedActivations
    ) -> AttentionActivations {
        if let probabilities = reused.probabilities {
            return AttentionActivations(
                query: nil, key: nil, value: split(value(x), keyValueHeads),
                probabilities: probabilities)
        }
        let q = reused.query ?? positions.rotate(split(query(x), heads))
        let k = reused.key ?? positions.rotate(split(key(x), keyValueHeads))
        return AttentionActivations(
            query: q, key: k, value: reused.value ?? split(value(x), keyValueHeads),
            probabilities: probabilities(query: q, key: k))
    }

    /// Mixes the values by the probabilities and projects the result back, [B, T, D].
    func callAsFunction(_ activations: AttentionActivations) -> Tensor {
        let sizes = activations.probabilities.dimensions
        let (batch, group, length, source) = (sizes[0], sizes[2], sizes[3], sizes[4])
        // [B, K, G·T, T] · [B, K, T, H]: the queries of a group share one product with its values.
        let mixed = activations.probabilities
            .reshaped([batch, keyValueHeads, group * length, source])
            .dot(
                activations.value.transposed([0, 2, 1, 3]), contracting: ([3], [2]),
                batching: ([0, 1], [0, 1]), accumulating: .float32
            )
            .converted(to: activations.value.elementType)
        let joined = mixed.reshaped([batch, heads, length, headDimension])
            .transposed([0, 2, 1, 3])
        return output(joined.reshaped([batch, length, heads * headDimension]))
    }

    /// softmax(q kᵀ / √H) under the causal mask, in float32, returned in the inputs' type.
    private func probabilities(query: Tensor, key: Tensor) -> Tensor {
        let (batch, length) = (query.dimensions[0], query.dimensions[1])
        let group = heads / keyValueHeads
        let products = query.transposed([0, 2, 1, 3])
            .reshaped([batch, keyValueHeads, group * length, headDimension])
            .dot(
                key.transposed([0, 2, 1, 3]), contracting: ([3], [3]),
                batching: ([0, 1], [0, 1]), accumulating: .float32
            )
            .reshaped([batch, keyValueHeads, group, length, length])
        let scores = products * (1 / Double(headDimension).squareRoot())
        let graph = query.graph
        let square = Shape(.int32, [length, length])
        let visible = graph.iota(square, along: 1)
            .compared(.lessOrEqual, to: graph.iota(square, along: 0))
            .broadcast(to: scores.dimensions, along: [3, 4])
        let hidden = graph.constant(-Double.infinity, scores.shape)
        return softmax(select(visible, scores, hidden), over: 4)
            .converted(to: query.elementType)
    }

    /// [B, T, n·H] → [B, T, n, H].
    private func split(_ x: Tensor, _ count: Int) -> Tensor {
        x.reshaped([x.dimensions[0], x.dimensions[1], count, headDimension])
    }
}

/// The rotation angles of a sequence's positions (Su et al., 2021).
struct RotaryAngles {
    /// cos and sin of position × wavelength, [T, H/2], float32.
    let cosine: Tensor
    let sine: Tensor

    init(cosine: Tensor, sine: Tensor) {
        self.cosine = cosine
        self.sine = sine
    }

    /// Angles for positions 0 to T-1. Computed in float64, because float32 loses half a thousandth
    /// of a turn at some thousands of tokens.
    ///
    /// - Parameter frequencies: Radians per position of each of the H/2 pairs.
    init(sequence: Int, frequencies: [Double], graph: Graph) {
        let half = frequencies.count
        let shape = Shape(.float64, [sequence, half])
        let angles =
            graph.iota(shape, along: 0)
            * graph.constant(HostArray(frequencies, [half])).broadcast(
                to: shape.dimensions, along: [1])
        cosine = cos(angles).converted(to: .float32)
        sine = sin(angles).converted(to: .float32)
    }

    /// Rotates [B, T, n, H] by its positions; computed in float32, returned in the input's type.
    func rotate(_ x: Tensor) -> Tensor {
        let half = x.dimensions[3] / 2
        let wide = x.converted(to: .float32)
        let a = wide.sliced(along: 3, 0..<half)
        let b = wide.sliced(along: 3, half..<2 * half)
        let cosine = cosine.broadcast(to: a.dimensions, along: [1, 3])
        let sine = sine.broadcast(to: a.dimensions, along: [1, 3])
        return concatenated([a * cosine - b * sine, b * cosine + a * sine], along: 3)
            .converted(to: x.elementType)
    }
}
