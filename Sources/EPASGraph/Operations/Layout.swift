package import EPASArray

/// Reorders dimensions: result dimension `i` is operand dimension `permutation[i]`.
///
/// Specification: <https://openxla.org/stablehlo/spec#transpose>
package struct Transpose: SingleResultOperation {
    let permutation: [Int]

    package init(_ permutation: [Int]) {
        self.permutation = permutation
    }

    package var name: String { "stablehlo.transpose" }
    package var attributes: String { "permutation = \(Text.array(permutation))" }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        let operand = operands[0]
        guard permutation.sorted() == Array(0..<operand.rank) else {
            throw error(
                operands,
                "permutation \(permutation) to name each of the \(operand.rank) dimensions once")
        }
        return Shape(operand.elementType, permutation.map { operand.dimensions[$0] })
    }

    package func pullback(_ dy: Tensor, result: Tensor, operands: [Tensor]) -> [Tensor?] {
        [dy.transposed(permutation.indices.sorted { permutation[$0] < permutation[$1] })]
    }
}

/// Regroups the elements, in row-major order, under other dimensions.
package struct Reshape: SingleResultOperation {
    let dimensions: [Int]

    package init(_ dimensions: [Int]) {
        self.dimensions = dimensions
    }

    package var name: String { "stablehlo.reshape" }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        let operand = operands[0]
        guard dimensions.allSatisfy({ $0 >= 0 }), dimensions.reduce(1, *) == operand.elementCount
        else {
            throw error(
                operands, "dimensions \(dimensions) to hold \(operand.elementCount) elements")
        }
        return Shape(operand.elementType, dimensions)
    }

    package func pullback(_ dy: Tensor, result: Tensor, operands: [Tensor]) -> [Tensor?] {
        [dy.reshaped(operands[0].dimensions)]
    }
}

/// Repeats along new dimensions and along those of size 1.
///
/// The derivative is a sum over what was repeated; in 16-bit types it is summed in float32 and
/// rounded once. Specification: <https://openxla.org/stablehlo/spec#broadcast_in_dim>
package struct Broadcast: SingleResultOperation {
    let dimensions: [Int]
    let axes: [Int]

    package init(to dimensions: [Int], along axes: [Int]) {
        self.dimensions = dimensions
        self.axes = axes
    }

    package var name: String { "stablehlo.broadcast_in_dim" }
    package var attributes: String { "broadcast_dimensions = \(Text.array(axes))" }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        let operand = operands[0]
        guard axes.count == operand.rank, Set(axes).count == axes.count,
            axes.allSatisfy(dimensions.indices.contains)
        else {
            throw error(
                operands,
                "axes \(axes) to name one dimension of \(dimensions) for each of the operand's")
        }
        for (axis, size) in zip(axes, operand.dimensions)
        where size != 1 && size != dimensions[axis] {
            throw error(
                operands, "sizes of 1 or those of dimensions \(axes) of \(dimensions)")
        }
        return Shape(operand.elementType, dimensions)
    }

    package func pullback(_ dy: Tensor, result: Tensor, operands: [Tensor]) -> [Tensor?] {
        let operand = operands[0]
        // Operand dimensions that were not repeated, in the order of the result's dimensions,
        // which is the order that summation leaves them in.
        let kept = axes.indices
            .filter { operand.dimensions[$0] == dimensions[axes[$0]] }
            .sorted { axes[$0] < axes[$1] }
        let keptAxes = Set(kept.map { axes[$0] })
        let repeated = dimensions.indices.filter { !keptAxes.contains($0) }
        let summed = repeated.isEmpty ? dy : dy.accumulated { $0.sum(over: repeated) }
        let inOperandOrder = summed.transposed(kept.indices.sorted { kept[$0] < kept[$1] })
        return [inOperandOrder.reshaped(operand.dimensions)]
    }
}

extension Tensor {
    /// Returns the tensor with its dimensions reordered.
    ///
    /// - Parameter permutation: For each result dimension, the dimension it comes from.
    package func transposed(_ permutation: [Int]) -> Tensor {
        if permutation == Array(0..<rank) { return self }
        return graph.append(Transpose(permutation), self)
    }

    /// Returns the elements, in row-major order, under other dimensions.
    package func reshaped(_ dimensions: [Int]) -> Tensor {
        if dimensions == self.dimensions { return self }
        return graph.append(Reshape(dimensions), self)
    }

    /// Returns the tensor repeated to `dimensions`: its dimension `i`, of size 1 or of the
    /// result's size, becomes result dimension `axes[i]`.
    package func broadcast(to dimensions: [Int], along axes: [Int]) -> Tensor {
        if dimensions == self.dimensions, axes == Array(0..<rank) { return self }
        return graph.append(Broadcast(to: dimensions, along: axes), self)
    }
}
