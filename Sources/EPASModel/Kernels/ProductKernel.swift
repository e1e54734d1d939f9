// Dimensions: M rows, N columns, S the index that is summed over. E is float32 or bfloat16.

package import EPASArray
package import EPASGraph

/// The product of two matrices, either of which may be given transposed; accumulated in float32 and
/// rounded once.
///
/// Operands: [M, S] of type E, or [S, M] where the left one is transposed, and [S, N], or [N, S]
/// where the right one is, of type E or float32. Result: [M, N].
///
/// A float32 operand beside a bfloat16 one is rounded to bfloat16: weights are given as the
/// optimizer keeps them, and no copy of them is made.
///
/// With weights [out, in] as checkpoints have them, a layer's product is x Wᵀ; the derivatives are
/// dy W and dyᵀ x. `dy` is rounded to E first, so that they run on the same units, as ``Dot`` does.
package struct ProductKernel: Kernel {
    package let transposesLeft: Bool
    package let transposesRight: Bool
    /// E, or float32.
    package let resultType: ElementType

    package init(
        transposesLeft: Bool = false, transposesRight: Bool = false, resultType: ElementType
    ) {
        self.transposesLeft = transposesLeft
        self.transposesRight = transposesRight
        self.resultType = resultType
    }

    package var target: String { "epas.product" }
    package var settings: [String: KernelSetting] {
        ["transposes_left": .bool(transposesLeft), "transposes_right": .bool(transposesRight)]
    }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        func refusal(_ requirement: String) -> ShapeError {
            ShapeError(operation: target, operands: operands, requirement: requirement)
        }
        guard operands.count == 2, operands.allSatisfy({ $0.isRows(rank: 2) }),
            [operands[0].elementType, .float32].contains(operands[1].elementType)
        else {
            throw refusal(
                "two matrices of \(Shape.rowTypes), the right one of the left one's type or float32"
            )
        }
        let (left, right) = (operands[0].dimensions, operands[1].dimensions)
        guard left[leftSum] == right[rightSum] else {
            throw refusal(
                "equal sizes in dimension \(leftSum) of the left and \(rightSum) of the right "
                    + "operand")
        }
        guard resultType == operands[0].elementType || resultType == .float32 else {
            throw refusal("a result of the left operand's type or of float32, not \(resultType)")
        }
        return [Shape(resultType, [left[1 - leftSum], right[1 - rightSum]])]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let (left, right) = (operands[0], operands[1])
        let product = left.dot(
            right.converted(to: left.elementType), contracting: ([leftSum], [rightSum]),
            accumulating: .float32)
        return [product.converted(to: resultType)]
    }

    package func pullback(
        _ cotangents: [Tensor?], results: [Tensor], operands: [Tensor]
    ) -> [Tensor?] {
        guard let cotangent = cotangents[0] else { return [nil, nil] }
        let (left, right) = (operands[0], operands[1])
        let dy = cotangent.converted(to: left.elementType)
        func product(_ a: Tensor, _ aIsTransposed: Bool, _ b: Tensor, _ bIsTransposed: Bool)
            -> Tensor
        {
            let kernel = ProductKernel(
                transposesLeft: aIsTransposed, transposesRight: bIsTransposed,
                resultType: a.elementType)
            return a.graph.apply(kernel, [a, b])[0]
        }
        // With A and B the matrices as they are multiplied, dA = dy Bᵀ and dB = Aᵀ dy; the
        // operand's own derivative is the transpose where it was given so.
        let dLeft =
            transposesLeft
            ? product(right.converted(to: left.elementType), transposesRight, dy, true)
            : product(dy, false, right, !transposesRight)
        let dRight =
            transposesRight
            ? product(dy, true, left, transposesLeft)
            : product(left, !transposesLeft, dy, false)
        // A float32 operand's derivative holds the numbers that it would have, were it rounded.
        return [dLeft, dRight.converted(to: right.elementType)]
    }

    /// The dimensions that are summed over.
    private var leftSum: Int { transposesLeft ? 0 : 1 }
    private var rightSum: Int { transposesRight ? 1 : 0 }
}
