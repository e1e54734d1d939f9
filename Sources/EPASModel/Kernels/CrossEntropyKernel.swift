// Dimensions: M rows, D model, V vocabulary. E is float32 or bfloat16.

package import EPASArray
package import EPASGraph

/// The next-token loss of hidden states in nats, without ever holding all logits in float32.
///
/// Operands: the hidden states [M, D] of type E, the head's weight [V, D] of type E or float32 (as
/// ``ProductKernel`` takes it), and the targets [M], int32. Results: the losses [M], float32, and the losses' derivatives by the logits, softmax
/// less one at the target, [M, V] of type E. The second is there for the derivative and passes none
/// on.
///
/// A row of the derivative by the logits is that one times the loss's cotangent. The factor is
/// applied to what is multiplied with it, which is smaller by V / D: dx = dl ∘ (G W) and
/// dW = Gᵀ (dl ∘ x).
package struct CrossEntropyKernel: Kernel {
    package init() {}

    package static let target = "epas.cross_entropy"
    package var target: String { CrossEntropyKernel.target }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard operands.count == 3, operands[0].isRows(rank: 2), operands[1].isRows(rank: 2),
            [operands[0].elementType, .float32].contains(operands[1].elementType),
            operands[0].dimensions[1] == operands[1].dimensions[1],
            operands[2] == Shape(.int32, [operands[0].dimensions[0]])
        else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "rows x [M, D] of \(Shape.rowTypes), a weight [V, D] of their type or "
                    + "float32, and targets [M] of int32")
        }
        let (rows, classes) = (operands[0].dimensions[0], operands[1].dimensions[0])
        return [
            Shape(.float32, [rows]), Shape(operands[0].elementType, [rows, classes]),
        ]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let product = ProductKernel(transposesRight: true, resultType: .float32)
        let logits = product.decomposition([operands[0], operands[1]])[0]
        let classes = logits.graph.iota(logits.shape.with(.int32), along: 1)
        let chosen = classes.compared(
            .equal, to: operands[2].broadcast(to: logits.dimensions, along: [0])
        ).converted(to: .float32)
        let derivatives = (softmax(logits, over: 1) - chosen).stopGradient()
        return [
            EPASModel.crossEntropy(logits: logits, targets: operands[2]),
            derivatives.converted(to: operands[0].elementType),
        ]
    }

    package func pullback(
        _ cotangents: [Tensor?], results: [Tensor], operands: [Tensor]
    ) -> [Tensor?] {
        guard let dl = cotangents[0] else { return operands.map { _ in nil } }
        let (x, weight) = (operands[0], operands[1])
        let derivatives = results[1].stopGradient()
        let factors = dl.broadcast(to: x.dimensions, along: [0])
        func product(_ transposesLeft: Bool, _ right: Tensor, as type: ElementType) -> Tensor {
            let kernel = ProductKernel(transposesLeft: transposesLeft, resultType: type)
            return x.graph.apply(kernel, [derivatives, right])[0]
        }
        let dx = product(false, weight, as: .float32) * factors
        let scaled = (x.converted(to: .float32) * factors).converted(to: x.elementType)
        return [
            dx.converted(to: x.elementType),
            product(true, scaled, as: x.elementType).converted(to: weight.elementType), nil,
        ]
    }
}
