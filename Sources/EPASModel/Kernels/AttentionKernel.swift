// Dimensions: B batch, T tokens, N query heads, K key heads, G = N/K, H head. E is float32 or
// bfloat16.

package import EPASArray
package import EPASGraph

/// Causal attention over whole sequences: softmax(q kᵀ / √H) v, computed in float32.
///
/// Operands: queries [B, T, N, H], keys and values [B, T, K, H], all of type E.
///
/// Results: the mixed values [B, T, N, H] of type E; the log-sum-exps of the scores [B, N, T, 2],
/// float32, in two parts (the largest score, and the rest); and, where they are kept, the probabilities in type E (``KeptProbabilities``).
///
/// Layers that have the same probabilities take them from the last result: ``SharedAttentionKernel``
/// tells it, by a deferred cotangent, all that their part of the backward pass needs.
package struct AttentionKernel: Kernel {
    package let keepsProbabilities: Bool

    package init(keepsProbabilities: Bool) {
        self.keepsProbabilities = keepsProbabilities
    }

    package static let target = "epas.attention"
    package var target: String { AttentionKernel.target }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard operands.count == 3, operands[1].isKeys(for: operands[0]),
            operands[2] == operands[1]
        else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "queries [B, T, N, H], keys and values [B, T, K, H], all of "
                    + "\(Shape.rowTypes), N a multiple of K")
        }
        let shapes = [operands[0], operands[0].logSumExps]
        return keepsProbabilities
            ? shapes + [KeptProbabilities.shape(query: operands[0])] : shapes
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let (query, key, value) = (operands[0], operands[1], operands[2])
        let form = AttentionForm(query: query.shape, key: key.shape)
        let scores = form.scores(query: query, key: key)
        let probabilities = softmax(scores, over: 4).converted(to: query.elementType)
        let results = [
            form.mixed(probabilities, value).converted(to: query.elementType),
            form.logSumExps(scores),
        ]
        return keepsProbabilities
            ? results + [KeptProbabilities.packed(probabilities)] : results
    }

    package func pullback(
        _ cotangents: [Tensor?], results: [Tensor], operands: [Tensor]
    ) -> [Tensor?] {
        let (query, key, value) = (operands[0], operands[1], operands[2])
        let own = cotangents[0] ?? results[0].filled(with: 0)
        let shared = cotangents.dropFirst().compactMap { $0 }.flatMap(\.deferredContributions)
        let layers = [value, results[0], own] + shared.flatMap { $0 }
        return query.graph.apply(
            AttentionGradientKernel(keepsProbabilities: keepsProbabilities),
            [query, key] + results.dropFirst() + layers)
    }
}

/// The backward pass of all layers that have the same probabilities.
///
/// Operands: queries, keys, log-sum-exps and, where they were kept, probabilities as
/// ``AttentionKernel`` takes and gives them; then for each layer, the one that computed the
/// probabilities first, its values [B, T, K, H], its output and the output's gradient [B, T, N, H].
///
/// Results: the gradients of queries and keys, which all layers together have, and that of the
/// first layer's values.
package struct AttentionGradientKernel: Kernel {
    package let keepsProbabilities: Bool

    package init(keepsProbabilities: Bool) {
        self.keepsProbabilities = keepsProbabilities
    }

    package var target: String { "epas.attention_gradient" }

    private var firstLayer: Int { keepsProbabilities ? 4 : 3 }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard operands.count > firstLayer, (operands.count - firstLayer).isMultiple(of: 3),
            operands[1].isKeys(for: operands[0]), operands[2] == operands[0].logSumExps,
            !keepsProbabilities || operands[3] == KeptProbabilities.shape(query: operands[0]),
            operands.indices.dropFirst(firstLayer).allSatisfy({ index in
                operands[index] == operands[(index - firstLayer).isMultiple(of: 3) ? 1 : 0]
            })
        else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "queries [B, T, N, H] and keys [B, T, K, H] of \(Shape.rowTypes), "
                    + "N a multiple of K, log-sum-exps [B, N, T, 2] of float32, kept probabilities "
                    + "where there are some, and for at least one layer values like the keys, "
                    + "then an output and its gradient like the queries")
        }
        return [operands[0], operands[1], operands[1]]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let (query, key) = (operands[0], operands[1])
        let form = AttentionForm(query: query.shape, key: key.shape)
        let probabilities =
            keepsProbabilities
            ? KeptProbabilities.unpacked(
                operands[3], length: query.dimensions[1], keyValueHeads: key.dimensions[2]
            )
            .converted(to: .float32)
            : form.probabilities(query: query, key: key, logSumExp: operands[2])
        var derivatives: Tensor?
        var products: Tensor?
        for layer in stride(from: firstLayer, to: operands.count, by: 3) {
            let (value, output, gradient) =
                (operands[layer], operands[layer + 1], operands[layer + 2])
            let derivative = form.product(gradient, value)
            let product =
                (output.converted(to: .float32) * gradient.converted(to: .float32))
                .sum(over: [3]).transposed([0, 2, 1])
            derivatives = derivatives.map { $0 + derivative } ?? derivative
            products = products.map { $0 + product } ?? product
        }
        guard let derivatives, let products else { fatalError("\(target): no layer") }
        let dimensions = derivatives.dimensions
        let sums = products.reshaped(Array(dimensions[0..<4]))
        let scores =
            probabilities * (derivatives - sums.broadcast(to: dimensions, along: [0, 1, 2, 3]))
        let scale = 1 / Double(form.head).squareRoot()
        func wide(_ tensor: Tensor) -> Tensor { tensor.converted(to: .float32) }
        return [
            form.mixed(scores, wide(key)) * scale, form.gathered(scores, wide(query)) * scale,
            form.gathered(probabilities, wide(operands[firstLayer + 2])),
        ].map { $0.converted(to: query.elementType) }
    }
}
