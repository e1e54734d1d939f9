// Dimensions: M rows, D model, F feed-forward width. E is float32 or bfloat16.

package import EPASArray
package import EPASGraph

/// The first half of SwiGLU (Shazeer, 2020) behind its norm: silu(z Wgate) · z Wup with z the root
/// mean square norm of x. Computed in float32; the norm and both products are rounded to E.
///
/// Operands: x [M, D] of type E, the norm's weight [D], float32, then for the gate and for what it
/// opens a weight [F, D] of type E, or of int8 and its scales as in ``LinearKernel``, and, with biases,
/// a bias [F], float32. Result: [M, F] of type E.
package struct GatedLinearKernel: Kernel {
    package let epsilon: Double
    package let hasBiases: Bool

    package init(epsilon: Double, hasBiases: Bool) {
        self.epsilon = epsilon
        self.hasBiases = hasBiases
    }

    package var target: String { "epas.gated_linear" }
    package var settings: [String: KernelSetting] { ["epsilon": .float32(Float(epsilon))] }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard operands.count > 2, operands[0].isRows(rank: 2),
            operands[1] == Shape(.float32, [operands[0].dimensions[1]]),
            let widths = operands[2...].projections(of: operands[0], hasBiases: hasBiases),
            widths.count == 2, widths[0] == widths[1]
        else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "rows x [M, D] of \(Shape.rowTypes), a norm's weight [D] of float32, "
                    + "and two weights [F, D] like x or of int8 with scales"
                    + (hasBiases ? ", each with a bias [F] of float32" : ""))
        }
        return [operands[0].with(widths[0])]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        var rest = ProjectionOperands(operands[2...], hasBiases: hasBiases)
        let z = RMSNorm(weight: operands[1], epsilon: epsilon)(
            operands[0], as: operands[0].elementType)
        let gate = rest.next()(z).converted(to: .float32)
        let product = gate * sigmoid(gate) * rest.next()(z).converted(to: .float32)
        return [product.converted(to: z.elementType)]
    }
}

extension Shape {
    /// The rows [M, D] with another width.
    fileprivate func with(_ width: Int) -> Shape { Shape(elementType, [dimensions[0], width]) }
}
