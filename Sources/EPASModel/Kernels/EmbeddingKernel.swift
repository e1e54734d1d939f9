// Dimensions: M rows, D model, V vocabulary. E is float32 or bfloat16.

package import EPASArray
package import EPASGraph

/// Rows of a table: result `[i, d]` is the table's `[indices[i], d]`, rounded to E. An index outside
/// the table is clamped to it, and gets no gradient.
///
/// Masters then give what a table of type E gives. The derivative is that of an exact lookup.
///
/// Operands: the table [V, D], float32 or of type E, and the indices [M], int32. Result: [M, D],
/// float32.
package struct EmbeddingKernel: Kernel {
    /// E.
    package let precision: ElementType

    package init(precision: ElementType) {
        self.precision = precision
    }

    package var target: String { "epas.embedding" }
    package var settings: [String: KernelSetting] { ["rounds": .bool(precision == .bfloat16)] }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard operands.count == 2, operands[0].isRows(rank: 2), operands[1].isIndices,
            precision == operands[0].elementType || precision == .bfloat16
        else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "a table [V, D] of \(Shape.rowTypes), indices [M] of int32, at least "
                    + "one, and the table's precision or that of bfloat16, not \(precision)")
        }
        return [Shape(.float32, [operands[1].dimensions[0], operands[0].dimensions[1]])]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let rows = operands[0].rows(at: operands[1])
        return [rows.converted(to: precision).converted(to: .float32)]
    }

    package func pullback(
        _ cotangents: [Tensor?], results: [Tensor], operands: [Tensor]
    ) -> [Tensor?] {
        guard let dy = cotangents[0] else { return [nil, nil] }
        let kernel = EmbeddingGradientKernel(rows: operands[0].dimensions[0])
        let terms = dy.terms(atMost: Shape.mostTerms)
        let gradient = dy.graph.apply(kernel, [operands[1]] + terms)[0]
        return [gradient.converted(to: operands[0].elementType), nil]
    }
}

/// The gradient of a table of which ``EmbeddingKernel`` took rows: for each row of the table the sum
/// of the cotangents of the rows taken from it, in their order.
///
/// Operands: the indices [M], int32, then terms of the cotangent, each [M, D] of type E. Result:
/// [V, D], float32.
package struct EmbeddingGradientKernel: Kernel {
    /// The table's rows, V.
    package let rows: Int

    package init(rows: Int) {
        self.rows = rows
    }

    package var target: String { "epas.embedding_gradient" }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        let terms = operands.dropFirst()
        guard rows > 0, let first = terms.first, terms.count <= Shape.mostTerms,
            first.isRows(rank: 2), terms.allSatisfy({ $0 == first }), operands[0].isIndices,
            operands[0].dimensions[0] == first.dimensions[0]
        else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "indices [M] of int32 and 1 to \(Shape.mostTerms) cotangents [M, D] "
                    + "of \(Shape.rowTypes), and a table of at least one row, not \(rows)")
        }
        return [Shape(.float32, [rows, first.dimensions[1]])]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let terms = operands.dropFirst().map { $0.converted(to: .float32) }
        let sum = terms.dropFirst().reduce(terms[0], +)
        let zeros = sum.graph.constant(0, Shape(.float32, [rows, sum.dimensions[1]]))
        return [zeros.addingRows(sum, at: operands[0])]
    }
}

extension Shape {
    /// Whether these are indices that the kernels take.
    fileprivate var isIndices: Bool { rank == 1 && elementType == .int32 && elementCount > 0 }
}
