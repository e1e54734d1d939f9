// The parts of a LLaMA layer besides attention (Touvron et al., 2023). Products accumulate in
// float32 whatever the compute type; norms are computed in float32.

import EPASArray
import EPASGraph

/// A projection: y = x Wᵀ, or y = x Wᵀ + b.
struct Linear {
    /// [out, in], in the compute type or float32, which products take in the type of their input; or
    /// int8 with scales.
    let weight: Tensor
    /// The scales of integers, float32 [out, in / 64]; see ``QuantizedMatrix``.
    var scales: Tensor?
    /// [out], float32.
    var bias: Tensor?

    /// [..., in] → [..., out], in the input's type.
    func callAsFunction(_ x: Tensor) -> Tensor {
        guard bias == nil else { return product(x).converted(to: x.elementType) }
        return product(x, as: x.elementType)
    }

    /// [..., in] → [..., out], as accumulated: float32.
    func product(_ x: Tensor) -> Tensor {
        let product = product(x, as: .float32)
        guard let bias else { return product }
        return product
            + bias.broadcast(to: product.dimensions, along: [product.dimensions.count - 1])
    }
}

extension Linear {
    /// The weight's numbers, [out, in]: as they are, or integers times their scales, rounded once.
    ///
    /// - Parameter type: Of what integers stand for.
    func values(as type: ElementType) -> Tensor {
        guard let scales else { return weight }
        let (out, width, count) = (
            weight.dimensions[0], weight.dimensions[1], scales.dimensions[1]
        )
        let factors = scales.broadcast(to: [out, count, QuantizedMatrix.block], along: [0, 1])
            .reshaped([out, count * QuantizedMatrix.block]).sliced(along: 1, 0..<width)
        return (weight.converted(to: .float32) * factors).converted(to: type)
    }

    /// x Wᵀ, rounded once.
    private func product(_ x: Tensor, as type: ElementType) -> Tensor {
        let rows = x.dimensions.dropLast()
        let count = rows.reduce(1, *)
        let weight = values(as: x.elementType)
        guard count > 0 else {
            return x.dot(
                weight.converted(to: x.elementType), contracting: ([x.shape.rank - 1], [1]),
                accumulating: .float32
            ).converted(to: type)
        }
        let kernel = ProductKernel(transposesRight: true, resultType: type)
        return x.graph.apply(kernel, [x.asRows, weight])[0]
            .reshaped(rows + [weight.dimensions[0]])
    }
}

/// y = x / √(mean(x²) + ε) · w over the last axis (Zhang & Sennrich, 2019).
struct RMSNorm {
    /// [D], float32.
    let weight: Tensor
    let epsilon: Double

    /// [..., D], float32 or of the result's type → [..., D].
    func callAsFunction(_ x: Tensor, as type: ElementType) -> Tensor {
        guard x.shape.elementCount > 0 else { return plain(x, as: type) }
        let kernel = RMSNormKernel(epsilon: epsilon, resultType: type)
        return x.graph.apply(kernel, [x.asRows, weight])[0].reshaped(x.dimensions)
    }

    /// The sum of two tensors [..., D], of which the first is float32, in float32, and its norm in
    /// the type of the second.
    func callAsFunction(_ x: Tensor, adding a: Tensor) -> (sum: Tensor, normed: Tensor) {
        guard x.shape.elementCount > 0 else {
            let sum = x + a.converted(to: .float32)
            return (sum, plain(sum, as: a.elementType))
        }
        let results = x.graph.apply(
            AddRMSNormKernel(epsilon: epsilon), [x.asRows, a.asRows, weight])
        return (results[0].reshaped(x.dimensions), results[1].reshaped(x.dimensions))
    }

    /// The norm in plain operations.
    func plain(_ x: Tensor, as type: ElementType) -> Tensor {
        let wide = x.converted(to: .float32)
        let last = x.shape.rank - 1
        let scale = rsqrt((wide * wide).mean(over: [last]) + epsilon)
        let normed =
            wide * scale.broadcast(to: x.dimensions, along: Array(0..<last))
            * weight.broadcast(to: x.dimensions, along: [last])
        return normed.converted(to: type)
    }
}

/// SwiGLU: (silu(x Wgate) ∘ x Wup) Wdown (Shazeer, 2020).
struct FeedForward {
    let gate: Linear
    let up: Linear
    let down: Linear

    func callAsFunction(_ x: Tensor) -> Tensor {
        let (gate, up) = (gate(x), up(x))
        let kernel = SwiGLUKernel()
        guard gate.shape.elementCount > 0 else { return down(kernel.decomposition([gate, up])[0]) }
        let inner = x.graph.apply(kernel, [gate.asRows, up.asRows])[0]
        return down(inner.reshaped(gate.dimensions))
    }
}

extension Tensor {
    /// [..., D] as rows [M, D], of which there is at least one.
    var asRows: Tensor {
        reshaped([shape.elementCount / dimensions[rank - 1], dimensions[rank - 1]])
    }
}
