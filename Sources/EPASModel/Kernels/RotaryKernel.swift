// Dimensions: M rows, n heads, H head. E is float32 or bfloat16.

package import EPASArray
package import EPASGraph

/// Rotates each head of each row by the row's angles: the two halves of a head turn against each
/// other, as in ``RotaryAngles``. Computed in float32.
///
/// Operands: x [M, n, H] of type E, cosine and sine [M, H/2], float32. Result: [M, n, H] of type E.
/// No derivative passes to the angles.
package struct RotaryKernel: Kernel {
    package init() {}

    package static let target = "epas.rotary"
    package var target: String { RotaryKernel.target }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard operands.count == 3, operands[0].isRows(rank: 3),
            operands[0].dimensions[2].isMultiple(of: 2),
            operands[1] == operands[2],
            operands[1]
                == Shape(.float32, [operands[0].dimensions[0], operands[0].dimensions[2] / 2])
        else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "rows x [M, n, H] of \(Shape.rowTypes), H even, and angles' cosine "
                    + "and sine [M, H/2] of float32")
        }
        return [operands[0]]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        // The rows are the positions of a batch of one.
        let x = operands[0]
        let angles = RotaryAngles(
            cosine: operands[1].stopGradient(), sine: operands[2].stopGradient())
        return [angles.plainlyRotated(x.reshaped([1] + x.dimensions)).reshaped(x.dimensions)]
    }

    /// Turns the other way.
    package func pullback(
        _ cotangents: [Tensor?], results: [Tensor], operands: [Tensor]
    ) -> [Tensor?] {
        guard let cotangent = cotangents[0] else { return [nil, nil, nil] }
        let turned = [cotangent, operands[1], -operands[2]]
        return [cotangent.graph.apply(self, turned)[0], nil, nil]
    }
}
