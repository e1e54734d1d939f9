// Dimensions: M rows, F feed-forward width. E is float32 or bfloat16.

package import EPASArray
package import EPASGraph

/// silu(gate) · up, computed in float32 (Shazeer, 2020).
///
/// Operands: gate and up [M, F] of type E. Result: [M, F] of type E.
package struct SwiGLUKernel: Kernel {
    package init() {}

    package var target: String { "epas.swiglu" }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard operands.count == 2, operands[0].isRows(rank: 2), operands[0] == operands[1] else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "rows gate and up [M, F] of \(Shape.rowTypes)")
        }
        return [operands[0]]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let gate = operands[0].converted(to: .float32)
        let product = gate * sigmoid(gate) * operands[1].converted(to: .float32)
        return [product.converted(to: operands[0].elementType)]
    }
}
