// Dimensions: M rows, D model, F feed-forward width. E is float32 or bfloat16.

package import EPASArray
package import EPASGraph

/// The first half of SwiGLU (Shazeer, 2020) behind its norm: silu(z Wgate) · z Wup with z the root
/// mean square norm of x. Computed in float32; the norm and both products are rounded to E.
///
/// Operands: x [M, D] of type E, the norm's weight [D], float32, then for the gate and for what it
/// opens a weight [F, D] of type E and, with biases, a bias [F], float32. Result: [M, F] of type E.
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
        guard operands.count == (hasBiases ? 6 : 4), operands[0].isRows(rank: 2),
            operands[1] == Shape(.float32, [operands[0].dimensions[1]]),
            let gate = operands[2].projection(of: operands[0]),
            operands[2...]
                == (hasBiases
                    ? [operands[2], gate, operands[2], gate] : [operands[2], operands[2]])
        else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "rows x [M, D] of \(Shape.rowTypes), a norm's weight [D] of float32, "
                    + "and two weights [F, D] like x"
                    + (hasBiases ? ", each with a bias [F] of float32" : ""))
        }
        return [operands[0].with(gate.dimensions[0])]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        var rest = ProjectionOperands(operands[2...], hasBiases: hasBiases)
        let z = RMSNorm(weight: operands[1], epsilon: epsilon)(operands[0])
        let gate = rest.next()(z).converted(to: .float32)
        let product = gate * sigmoid(gate) * rest.next()(z).converted(to: .float32)
        return [product.converted(to: z.elementType)]
    }
}

/// Takes the projections at the end of a kernel's operands.
struct ProjectionOperands {
    private var operands: ArraySlice<Tensor>
    private let hasBiases: Bool

    init(_ operands: ArraySlice<Tensor>, hasBiases: Bool) {
        self.operands = operands
        self.hasBiases = hasBiases
    }

    mutating func next() -> Linear {
        Linear(
            weight: operands.removeFirst(), bias: hasBiases ? operands.removeFirst() : nil)
    }
}

extension Linear {
    /// The operands of a kernel that ``ProjectionOperands`` takes.
    var operands: [Tensor] { [weight] + [bias].compactMap(\.self) }
}

extension Shape {
    /// The shape of the bias if this is the weight of a projection of rows x [M, D].
    func projection(of x: Shape) -> Shape? {
        guard isRows(rank: 2), elementType == x.elementType, dimensions[1] == x.dimensions[1] else {
            return nil
        }
        return Shape(.float32, [dimensions[0]])
    }

    /// The rows [M, D] with another width.
    fileprivate func with(_ width: Int) -> Shape { Shape(elementType, [dimensions[0], width]) }
}
