// Dimensions: M rows, `in` and `out` features. E is float32 or bfloat16.

package import EPASArray
package import EPASGraph

/// y = x Wᵀ, plus a bias, plus a residual, accumulated in float32 and rounded once.
///
/// Operands: x [M, in] of type E, the weight [out, in] of type E as checkpoints have it, or of int8 and
/// then its scales [out, in / 64], rounded up, float32 (see ``QuantizedMatrix``; what they stand for is
/// rounded to E); then optionally a bias [out], float32, then optionally a residual [M, out] of the
/// result's type. Result: [M, out].
package struct LinearKernel: Kernel {
    /// E, or float32.
    package let resultType: ElementType

    package init(resultType: ElementType) {
        self.resultType = resultType
    }

    package var target: String { "epas.linear" }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        func refusal(_ requirement: String) -> ShapeError {
            ShapeError(operation: target, operands: operands, requirement: requirement)
        }
        var rest = operands.dropFirst()
        guard (2...5).contains(operands.count), operands[0].isRows(rank: 2),
            let out = rest.takeWeight(of: operands[0])
        else {
            throw refusal(
                "rows x [M, in] and a weight [out, in], both of \(Shape.rowTypes), or a weight of "
                    + "int8 and its scales, then at most a bias and a residual")
        }
        guard resultType == operands[0].elementType || resultType == .float32 else {
            throw refusal("a result of the operands' type or of float32, not \(resultType)")
        }
        let result = Shape(resultType, [operands[0].dimensions[0], out])
        let bias = Shape(.float32, [out])
        guard [[], [bias], [result], [bias, result]].contains(Array(rest)) else {
            throw refusal("a bias \(bias) and a residual \(result), each or both left out")
        }
        return [result]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        var rest = operands.dropFirst()
        var linear = rest.takeLinear()
        linear.bias = rest.first { $0.rank == 1 }
        var sum = linear.product(operands[0])
        if let residual = rest.first(where: { $0.rank == 2 }) {
            sum = sum + residual.converted(to: .float32)
        }
        return [sum.converted(to: resultType)]
    }
}
