package import EPASArray

/// Keeps the compiler from moving computations across it. Its results are its operands.
///
/// Cotangents pass it unchanged, without a barrier of their own. Specification:
/// <https://openxla.org/stablehlo/spec#optimization_barrier>
package struct Barrier: Operation {
    package init() {}

    package var name: String { "stablehlo.optimization_barrier" }
    // Two barriers around the same values are two computations: that is their purpose.
    package var isPure: Bool { false }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard !operands.isEmpty else { throw error(operands, "at least one operand") }
        return operands
    }

    package func pullback(
        _ cotangents: [Tensor?], results: [Tensor], operands: [Tensor]
    ) -> [Tensor?] {
        cotangents
    }
}

/// Returns the tensors' values, which the compiler computes all before it uses any of them.
package func optimizationBarrier(_ tensors: [Tensor]) -> [Tensor] {
    guard let first = tensors.first else { return [] }
    return first.graph.append(Barrier(), tensors)
}
