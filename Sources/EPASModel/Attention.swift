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
    /// - Parameters:
    ///   - x: The normed residual stream, [B, T, D].
    ///   - keeps: Whether the probabilities are kept for layers that reuse them.
    func activations(
        _ x: Tensor, positions: RotaryAngles, reusing reused: ReusedActivations, keeps: Bool
    ) -> AttentionActivations {
        if let probabilities = reused.probabilities {
            return AttentionActivations(
                value: split(value(x), keyValueHeads), probabilities: probabilities)
        }
        let q = reused.query ?? positions.rotate(split(query(x), heads))
        let k = reused.key ?? positions.rotate(split(key(x), keyValueHeads))
        let v = reused.value ?? split(value(x), keyValueHeads)
        guard x.graph.kernels.contains(AttentionKernel.target) else {
            let form = AttentionForm(query: q.shape, key: k.shape)
            let probabilities = softmax(form.scores(query: q, key: k), over: 4)
                .converted(to: q.elementType)
            return AttentionActivations(
                query: q, key: k, value: v, probabilities: .values(probabilities))
        }
        let results = x.graph.apply(AttentionKernel(keepsProbabilities: keeps), [q, k, v])
        return AttentionActivations(
            query: q, key: k, value: v,
            probabilities: .shared(
                SharedProbabilities(heads: heads, areKept: keeps),
                keeps ? [results[2]] : [q, k, results[1]]),
            mixed: results[0])
    }

    /// Returns the values mixed by the probabilities, [B, T, N, H].
    func mixed(_ activations: AttentionActivations) -> Tensor {
        if let mixed = activations.mixed { return mixed }
        let value = activations.value
        switch activations.probabilities {
        case .values(let probabilities):
            let query = probabilities.dimensions
            let form = AttentionForm(
                heads: query[1] * query[2], keyValueHeads: query[1], head: headDimension)
            return form.mixed(probabilities, value).converted(to: value.elementType)
        case .shared(let probabilities, let operands):
            return value.graph.apply(
                SharedAttentionKernel(probabilities), operands + [value])[0]
        }
    }

    /// Projects mixed values back to the residual stream, [B, T, D].
    func projected(_ mixed: Tensor) -> Tensor {
        let sizes = mixed.dimensions
        return output(mixed.reshaped([sizes[0], sizes[1], sizes[2] * sizes[3]]))
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
        guard x.graph.kernels.contains(RotaryKernel.target), x.shape.elementCount > 0 else {
            return plainlyRotated(x)
        }
        let sizes = x.dimensions
        // The kernel takes its angles from memory, where plain operations would compute them anew
        // for every head of every layer.
        let angles = [cosine, sine].map {
            $0.broadcast(to: [sizes[0], sizes[1], sizes[3] / 2], along: [1, 2])
                .reshaped([sizes[0] * sizes[1], sizes[3] / 2])
        }
        let rows = x.reshaped([sizes[0] * sizes[1], sizes[2], sizes[3]])
        return x.graph.apply(RotaryKernel(), [rows] + angles)[0].reshaped(sizes)
    }

    /// The same in plain operations.
    func plainlyRotated(_ x: Tensor) -> Tensor {
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
