// The parts of a LLaMA layer besides attention (Touvron et al., 2023). Products accumulate in
// float32 whatever the compute type; norms are computed in float32.

import EPASArray
import EPASGraph

/// A projection: y = x Wᵀ, or y = x Wᵀ + b.
struct Linear {
    /// [out, in], in the compute type or float32; products take it in the type of their input.
    let weight: Tensor
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
    /// x Wᵀ, rounded once.
    private func product(_ x: Tensor, as type: ElementType) -> Tensor {
        let rows = x.dimensions.dropLast()
        let count = rows.reduce(1, *)
        guard count > 0 else {
            return x.dot(
                weight.converted(to: x.elementType), contracting: ([x.shape.rank - 1], [1]),
                accumulating: .float32
            ).converted(to: type)
        }
        let kernel = ProductKernel(transposesRight: true, resultType: type)
        let operand = x.reshaped([count, weight.dimensions[1]])
        return x.graph.apply(kernel, [operand, weight])[0]
            .reshaped(rows + [weight.dimensions[0]])
    }
}

/// y = x / √(mean(x²) + ε) · w over the last axis (Zhang & Sennrich, 2019).
struct RMSNorm {
    /// [D], float32.
    let weight: Tensor
    let epsilon: Double

    func callAsFunction(_ x: Tensor) -> Tensor {
        let wide = x.converted(to: .float32)
        let last = x.shape.rank - 1
        let scale = rsqrt((wide * wide).mean(over: [last]) + epsilon)
        let normed =
            wide * scale.broadcast(to: x.dimensions, along: Array(0..<last))
            * weight.broadcast(to: x.dimensions, along: [last])
        return normed.converted(to: x.elementType)
    }
}

/// SwiGLU: (silu(x Wgate) ∘ x Wup) Wdown (Shazeer, 2020).
struct FeedForward {
    let gate: Linear
    let up: Linear
    let down: Linear

    func callAsFunction(_ x: Tensor) -> Tensor {
        let gate = gate(x).converted(to: .float32)
        let inner = gate * sigmoid(gate) * up(x).converted(to: .float32)
        return down(inner.converted(to: x.elementType))
    }
}
