package import EPASArray

/// Takes a block of fixed size from a position known when the program runs.
///
/// Operands: the tensor, then one integer scalar per dimension. A start that would leave the tensor
/// is moved back so that the block fits. Specification:
/// <https://openxla.org/stablehlo/spec#dynamic_slice>
package struct DynamicSlice: SingleResultOperation {
    let sizes: [Int]

    package init(sizes: [Int]) {
        self.sizes = sizes
    }

    package var name: String { "stablehlo.dynamic_slice" }
    package var attributes: String { "slice_sizes = \(Text.array(sizes))" }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        let operand = operands[0]
        guard sizes.count == operand.rank,
            zip(sizes, operand.dimensions).allSatisfy({ 0 <= $0 && $0 <= $1 })
        else {
            throw error(operands, "sizes \(sizes) within the operand, one for each dimension")
        }
        guard areStarts(operands.dropFirst(), rank: operand.rank) else {
            throw error(operands, "one integer scalar start for each dimension")
        }
        return Shape(operand.elementType, sizes)
    }

    package func pullback(_ dy: Tensor, result: Tensor, operands: [Tensor]) -> [Tensor?] {
        let starts = Array(operands.dropFirst())
        return [operands[0].filled(with: 0).dynamicUpdateSlice(dy, at: starts)]
            + starts.map { _ in nil }
    }
}

/// Replaces a block at a position known when the program runs.
///
/// Operands: the tensor, the block, then one integer scalar per dimension. A start that would leave
/// the tensor is moved back so that the block fits. Specification:
/// <https://openxla.org/stablehlo/spec#dynamic_update_slice>
package struct DynamicUpdateSlice: SingleResultOperation {
    package init() {}

    package var name: String { "stablehlo.dynamic_update_slice" }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        let (operand, update) = (operands[0], operands[1])
        guard update.elementType == operand.elementType, update.rank == operand.rank,
            zip(update.dimensions, operand.dimensions).allSatisfy({ $0 <= $1 })
        else {
            throw error(operands, "an update of the operand's type and rank that fits into it")
        }
        guard areStarts(operands.dropFirst(2), rank: operand.rank) else {
            throw error(operands, "one integer scalar start for each dimension")
        }
        return operand
    }

    package func pullback(_ dy: Tensor, result: Tensor, operands: [Tensor]) -> [Tensor?] {
        let starts = Array(operands.dropFirst(2))
        return [
            dy.dynamicUpdateSlice(operands[1].filled(with: 0), at: starts),
            dy.dynamicSlice(at: starts, sizes: operands[1].dimensions),
        ] + starts.map { _ in nil }
    }
}

/// Whether these are start indices into a tensor: integer scalars of one type.
private func areStarts(_ shapes: ArraySlice<Shape>, rank: Int) -> Bool {
    shapes.count == rank
        && shapes.allSatisfy { $0.rank == 0 && $0.elementType.isInteger && $0 == shapes.first }
}

extension Tensor {
    /// Returns the block of the given sizes at `starts`, one integer scalar per dimension. A start
    /// that would leave the tensor is moved back so that the block fits.
    package func dynamicSlice(at starts: [Tensor], sizes: [Int]) -> Tensor {
        graph.append(DynamicSlice(sizes: sizes), [self] + starts)[0]
    }

    /// Returns the tensor with the block at `starts`, one integer scalar per dimension, replaced
    /// by `update`. A start that would leave the tensor is moved back so that the block fits.
    package func dynamicUpdateSlice(_ update: Tensor, at starts: [Tensor]) -> Tensor {
        graph.append(DynamicUpdateSlice(), [self, update] + starts)[0]
    }
}
