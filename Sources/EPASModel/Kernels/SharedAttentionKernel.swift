// Dimensions: B batch, T tokens, N query heads, K key heads, H head. E is float32 or bfloat16.

package import EPASArray
package import EPASGraph

/// What a sharing layer is handed of its source's probabilities, as operands of kernels.
package struct SharedProbabilities: Sendable {
    /// The number of query heads.
    let heads: Int
    /// Whether probabilities are kept, or computed anew from their log-sum-exps.
    let areKept: Bool

    package init(heads: Int, areKept: Bool) {
        self.heads = heads
        self.areKept = areKept
    }

    /// Either the kept probabilities, or queries, keys and log-sum-exps; the last one stands for
    /// them in the backward pass.
    var operandCount: Int { areKept ? 1 : 3 }

    /// The queries' shape, for values or their like [B, T, K, H].
    func query(for value: Shape) -> Shape {
        var dimensions = value.dimensions
        if dimensions.indices.contains(2) { dimensions[2] = heads }
        return Shape(value.elementType, dimensions)
    }

    /// Whether these operands fit values like these.
    func fit(_ operands: [Shape], value: Shape) -> Bool {
        let query = query(for: value)
        guard value.isKeys(for: query) else { return false }
        return operands
            == (areKept
                ? [KeptProbabilities.shape(query: query)] : [query, value, query.logSumExps])
    }

    /// For error texts.
    var requirement: String {
        areKept
            ? "kept probabilities of \(heads) heads"
            : "queries [B, T, \(heads), H], keys [B, T, K, H] and log-sum-exps [B, \(heads), T, 2]"
    }

    /// The probabilities, [B, K, G, T, T], rounded to the type of queries and keys.
    func form(_ operands: [Tensor], value: Shape) -> Tensor {
        if areKept {
            return KeptProbabilities.unpacked(
                operands[0], length: value.dimensions[1], keyValueHeads: value.dimensions[2])
        }
        return AttentionForm(query: operands[0].shape, key: operands[1].shape)
            .probabilities(query: operands[0], key: operands[1], logSumExp: operands[2])
            .converted(to: value.elementType)
    }
}

/// The attention of a layer that has another one's probabilities: its values mixed by them.
///
/// Operands: those of ``SharedProbabilities``, then the values [B, T, K, H] of type E.
/// Result: [B, T, N, H] of type E.
package struct SharedAttentionKernel: Kernel {
    package let probabilities: SharedProbabilities

    package init(_ probabilities: SharedProbabilities) {
        self.probabilities = probabilities
    }

    package var target: String { "epas.shared_attention" }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard operands.count == probabilities.operandCount + 1, let value = operands.last,
            probabilities.fit(operands.dropLast(), value: value)
        else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "\(probabilities.requirement), and values [B, T, K, H], of "
                    + Shape.rowTypes)
        }
        return [probabilities.query(for: value)]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let value = operands[operands.count - 1]
        let form = AttentionForm(
            query: probabilities.query(for: value.shape), key: value.shape)
        let weights = probabilities.form(operands.dropLast(), value: value.shape)
        return [form.mixed(weights, value).converted(to: value.elementType)]
    }

    package func pullback(
        _ cotangents: [Tensor?], results: [Tensor], operands: [Tensor]
    ) -> [Tensor?] {
        guard let gradient = cotangents[0] else { return operands.map { _ in nil } }
        let shared = Array(operands.dropLast())
        let value = operands[operands.count - 1]
        let kernel = SharedAttentionGradientKernel(
            probabilities, keyValueHeads: value.dimensions[2])
        // Queries and keys depend on the source layer alone: what they get can wait for it.
        let rest = shared[shared.count - 1].deferredCotangent(from: [value, results[0], gradient])
        return shared.dropLast().map { _ in nil }
            + [rest, gradient.graph.apply(kernel, shared + [gradient])[0]]
    }
}

/// The gradient of the values of ``SharedAttentionKernel``.
///
/// Operands: those of ``SharedProbabilities``, then the gradient of the output, [B, T, N, H] of
/// type E. Result: [B, T, K, H] of type E.
package struct SharedAttentionGradientKernel: Kernel {
    package let probabilities: SharedProbabilities
    package let keyValueHeads: Int

    package init(_ probabilities: SharedProbabilities, keyValueHeads: Int) {
        self.probabilities = probabilities
        self.keyValueHeads = keyValueHeads
    }

    package var target: String { "epas.shared_attention_gradient" }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard operands.count == probabilities.operandCount + 1, let gradient = operands.last,
            gradient.rank == 4, gradient.dimensions[2] == probabilities.heads,
            probabilities.fit(operands.dropLast(), value: value(for: gradient))
        else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "\(probabilities.requirement), and the gradient of the outputs "
                    + "[B, T, N, H], of \(Shape.rowTypes)")
        }
        return [value(for: gradient)]
    }

    private func value(for gradient: Shape) -> Shape {
        var dimensions = gradient.dimensions
        dimensions[2] = keyValueHeads
        return Shape(gradient.elementType, dimensions)
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let gradient = operands[operands.count - 1]
        let value = value(for: gradient.shape)
        let weights = probabilities.form(operands.dropLast(), value: value)
        return [
            AttentionForm(query: gradient.shape, key: value).gathered(weights, gradient)
                .converted(to: gradient.elementType)
        ]
    }
}
