package import EPASArray
package import EPASGraph

/// The sum of the squares of all numbers of any tensors.
///
/// Operands: at least one tensor, each float32 or bfloat16. Result: a float32 scalar, infinite where
/// it is too large for float32.
///
/// The function adds up in float64, pieces of 65536 numbers in one order, so that its result is the
/// exact sum but for one rounding to float32, whatever the number of threads. A sum of n numbers in
/// float32, as the plain form has it, is off by up to n · 2⁻²⁴ of its value.
package struct SumOfSquaresKernel: Kernel {
    package init() {}

    package var target: String { "epas.sum_of_squares" }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard !operands.isEmpty, operands.allSatisfy({ $0.elementType.isGradientType }) else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "at least one tensor, each of float32 or bfloat16")
        }
        return [.scalar(.float32)]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let squares = operands.map { operand in
            let wide = operand.converted(to: .float32)
            return (wide * wide).sum(over: Array(0..<operand.rank))
        }
        return [squares.dropFirst().reduce(squares[0], +)]
    }
}

extension ElementType {
    /// Whether the optimizer's kernels take gradients and moments of this type.
    var isGradientType: Bool { self == .float32 || self == .bfloat16 }
}
