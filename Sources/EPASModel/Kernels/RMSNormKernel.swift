// Kernels of inference. Each works on rows, one token of some sequence in each, and a row's result
// does not depend on how many rows there are or on what the others hold: see CPUKernels.
//
// Dimensions: M rows, D model. E is float32 or bfloat16.

package import EPASArray
package import EPASGraph

/// y = x / √(mean(x²) + ε) · w for each row, computed in float32 (Zhang & Sennrich, 2019).
///
/// Operands: x [M, D] of type E and the weight [D], float32. Result: [M, D] of type E.
package struct RMSNormKernel: Kernel {
    package let epsilon: Double

    package init(epsilon: Double) {
        self.epsilon = epsilon
    }

    package var target: String { "epas.rms_norm" }
    package var settings: [String: KernelSetting] { ["epsilon": .float32(Float(epsilon))] }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard operands.count == 2, operands[0].isRows(rank: 2),
            operands[1] == Shape(.float32, [operands[0].dimensions[1]])
        else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "rows x [M, D] of \(Shape.rowTypes) and a weight [D] of float32")
        }
        return [operands[0]]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        [RMSNorm(weight: operands[1], epsilon: epsilon)(operands[0])]
    }
}

extension Shape {
    /// Whether this is a batch of rows that the kernels take: at least one element, float32 or
    /// bfloat16.
    func isRows(rank: Int) -> Bool {
        self.rank == rank && elementCount > 0
            && (elementType == .float32 || elementType == .bfloat16)
    }

    /// For error texts.
    static let rowTypes = "float32 or bfloat16, at least one row"
}
