// Dimensions: M rows, F feed-forward width. E is float32 or bfloat16.

package import EPASArray
package import EPASGraph

/// silu(gate) ∘ up, computed in float32 (Shazeer, 2020).
///
/// Operands: gate and up [M, F] of type E. Result: like them.
package struct SwiGLUKernel: Kernel {
    package init() {}

    package var target: String { "epas.swiglu" }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard operands.count == 2, operands[0].isRows(rank: 2), operands[1] == operands[0] else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "gates [M, F] of \(Shape.rowTypes) and the like that they let through"
            )
        }
        return [operands[0]]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let gate = operands[0].converted(to: .float32)
        let product = gate * sigmoid(gate) * operands[1].converted(to: .float32)
        return [product.converted(to: operands[0].elementType)]
    }

    package func pullback(
        _ cotangents: [Tensor?], results: [Tensor], operands: [Tensor]
    ) -> [Tensor?] {
        guard let dy = cotangents[0] else { return [nil, nil] }
        return dy.graph.apply(SwiGLUGradientKernel(), operands + [dy])
    }
}

/// The derivatives of ``SwiGLUKernel``. With s = sigmoid(gate) they are dy ∘ up s (1 + gate (1 - s))
/// and dy ∘ gate s.
///
/// Operands: gate, up and the cotangent dy, [M, F] of type E. Results: the derivatives by gate and
/// by up, like them.
package struct SwiGLUGradientKernel: Kernel {
    package init() {}

    package var target: String { "epas.swiglu_gradient" }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard operands.count == 3, operands[0].isRows(rank: 2),
            operands.allSatisfy({ $0 == operands[0] })
        else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "gates [M, F] of \(Shape.rowTypes), and the like of what they let "
                    + "through and of the cotangent")
        }
        return [operands[0], operands[0]]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let wide = operands.map { $0.converted(to: .float32) }
        let (gate, up, dy) = (wide[0], wide[1], wide[2])
        let s = sigmoid(gate)
        return [
            dy * up * (s + gate * s * (gate.filled(with: 1) - s)), dy * (gate * s),
        ].map { $0.converted(to: operands[0].elementType) }
    }
}
