package import EPASArray

/// Takes rows of a table: result `[i…, d…]` is operand `[indices[i…], d…]`.
///
/// Operands: the table `[V, d…]` and integer indices of any dimensions. An index outside `0..<V` is
/// clamped to it; the derivative drops its contribution.
/// Specification: <https://openxla.org/stablehlo/spec#gather>
package struct GatherRows: SingleResultOperation {
    /// Of the table and of the indices, as the attributes depend on them.
    let table: Shape
    let indices: Shape

    package init(table: Shape, indices: Shape) {
        self.table = table
        self.indices = indices
    }

    package var name: String { "stablehlo.gather" }
    package var attributes: String {
        let windows = Array(indices.rank..<indices.rank + max(table.rank - 1, 0))
        return """
            dimension_numbers = #stablehlo.gather<offset_dims = \(Text.brackets(windows)), \
            collapsed_slice_dims = [0], start_index_map = [0], \
            index_vector_dim = \(indices.rank)>, indices_are_sorted = false, \
            slice_sizes = \(Text.array([1] + table.dimensions.dropFirst()))
            """
    }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        guard operands[0].rank >= 1, operands[0].dimensions[0] > 0 else {
            throw error(operands, "a table of at least one row")
        }
        guard operands[1].elementType.isInteger else {
            throw error(operands, "indices of an integer type")
        }
        return Shape(
            operands[0].elementType, operands[1].dimensions + operands[0].dimensions.dropFirst())
    }

    package func pullback(_ dy: Tensor, result: Tensor, operands: [Tensor]) -> [Tensor?] {
        // Thousands of cotangents may meet in one row, which 16 bits could not add up.
        let sum = dy.accumulated { dy in
            graphZeros(like: operands[0], dy.elementType).addingRows(dy, at: operands[1])
        }
        return [sum, nil]
    }

    private func graphZeros(like tensor: Tensor, _ elementType: ElementType) -> Tensor {
        tensor.graph.constant(0, tensor.shape.with(elementType))
    }
}

/// Adds rows to a table: each `updates[i…, d…]` is added to operand `[indices[i…], d…]`.
///
/// Operands: the table `[V, d…]`, integer indices of any dimensions, and the rows. Rows whose index
/// is outside `0..<V` are dropped. Specification: <https://openxla.org/stablehlo/spec#scatter>
package struct ScatterRows: SingleResultOperation {
    /// Of the table and of the indices, as the attributes depend on them.
    let table: Shape
    let indices: Shape

    package init(table: Shape, indices: Shape) {
        self.table = table
        self.indices = indices
    }

    package var name: String { "stablehlo.scatter" }
    package var attributes: String {
        let windows = Array(indices.rank..<indices.rank + max(table.rank - 1, 0))
        return """
            indices_are_sorted = false, scatter_dimension_numbers = #stablehlo.scatter<\
            update_window_dims = \(Text.brackets(windows)), inserted_window_dims = [0], \
            scatter_dims_to_operand_dims = [0], index_vector_dim = \(indices.rank)>, \
            unique_indices = false
            """
    }

    package func regions(_ operands: [Shape]) -> String {
        Combiner.add.region(operands[0].elementType)
    }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        guard operands[0].rank >= 1 else { throw error(operands, "a table of rows") }
        guard operands[0].elementType != .bool, operands[1].elementType.isInteger else {
            throw error(operands, "numeric rows and indices of an integer type")
        }
        let rows = Shape(
            operands[0].elementType, operands[1].dimensions + operands[0].dimensions.dropFirst())
        guard operands[2] == rows else { throw error(operands, "updates of shape \(rows.text)") }
        return operands[0]
    }

    package func pullback(_ dy: Tensor, result: Tensor, operands: [Tensor]) -> [Tensor?] {
        [dy, nil, dy.rows(at: operands[1])]
    }
}

extension Tensor {
    /// Returns rows of this table: `[V, d…]` at integer indices `[i…]` gives `[i…, d…]`.
    ///
    /// Indices must be in `0..<V`: others are clamped, and get no gradient. The derivative adds
    /// the cotangents of equal indices, in float32 where the table's type has 16 bits.
    package func rows(at indices: Tensor) -> Tensor {
        graph.append(GatherRows(table: shape, indices: indices.shape), self, indices)
    }

    /// Returns this table `[V, d…]` with rows `[i…, d…]` added at integer indices `[i…]`, in the
    /// table's element type.
    ///
    /// Indices must be in `0..<V`: the rows of others are dropped.
    package func addingRows(_ rows: Tensor, at indices: Tensor) -> Tensor {
        graph.append(ScatterRows(table: shape, indices: indices.shape), self, indices, rows)
    }
}
