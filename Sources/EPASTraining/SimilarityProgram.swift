// How alike the attention activations of a model's layers are: what "Beyond KV Caching" (Liao &
// Vargas, 2024) measures for attention scores, and KVSharer (Yang et al., 2024) for keys and
// values.

package import EPASArray
import EPASGraph
package import EPASModel

/// Builds the text of a program that compares layers with each other.
///
/// Arguments, in order: the parameters, then int32 tokens [batch, sequence].
package struct SimilarityProgram: Sendable {
    package let model: ModelConfig
    package let computeType: ElementType

    /// What is compared.
    package enum Quantity: String, Sendable, CaseIterable, Codable {
        /// softmax(q kᵀ / √H) of every head.
        case scores
        /// Keys after rotary embedding.
        case keys
        case values
    }

    package init(model: ModelConfig, computeType: ElementType) {
        self.model = model
        self.computeType = computeType
    }

    /// For each quantity, in order, the inner products of all layers with each other,
    /// [layers, layers] float32, summed over the batch.
    package func products(batch: Int, sequence: Int) -> String {
        let graph = Graph()
        let llama = Llama(model, computeType: computeType, graph: graph)
        let tokens = graph.parameter("tokens", Shape(.int32, [batch, sequence]))
        var rows: [Quantity: [Tensor]] = [:]
        _ = llama.hiddenStates(tokens, plan: .none) { _, activations in
            guard let key = activations.key,
                case .values(let probabilities) = activations.probabilities
            else { return }
            for (quantity, tensor) in [
                (Quantity.scores, probabilities), (.keys, key),
                (.values, activations.value),
            ] {
                let row = tensor.converted(to: .float32).reshaped([1, tensor.shape.elementCount])
                rows[quantity, default: []].append(row)
            }
        }
        let results = Quantity.allCases.map { quantity in
            let all = concatenated(rows[quantity] ?? [], along: 0)
            return all.dot(all, contracting: ([1], [1]))
        }
        return graph.program(named: "similarity", returning: results)
    }
}

/// How alike layers are, from the inner products of their activations.
package struct LayerSimilarity: Hashable, Sendable {
    package let layers: Int
    /// Inner products, row-major [layers, layers].
    private let products: [Double]

    package init(layers: Int, products: [Double]) {
        precondition(products.count == layers * layers, "\(products.count) products")
        self.layers = layers
        self.products = products
    }

    /// The similarity of both activations side by side.
    package func joined(with other: LayerSimilarity) -> LayerSimilarity {
        LayerSimilarity(layers: layers, products: zip(products, other.products).map(+))
    }

    /// The cosine of the angle between two layers' activations, 1 for equal directions.
    package func cosine(_ a: Int, _ b: Int) -> Double {
        let norms = (products[a * layers + a] * products[b * layers + b]).squareRoot()
        return norms > 0 ? products[a * layers + b] / norms : 0
    }

    /// The Euclidean distance between two layers' activations.
    package func distance(_ a: Int, _ b: Int) -> Double {
        let squared =
            products[a * layers + a] + products[b * layers + b] - 2 * products[a * layers + b]
        return max(0, squared).squareRoot()
    }

    /// All cosines, [layer][layer].
    package var cosines: [[Double]] {
        (0..<layers).map { a in (0..<layers).map { cosine(a, $0) } }
    }

    /// Pairs of layers, the deeper reusing the shallower, most distant first: KVSharer's order, in
    /// which unlike layers are shared before like ones.
    package var dissimilarPairs: [(layer: Int, source: Int, distance: Double)] {
        let pairs = (0..<layers).flatMap { layer in
            (0..<layer).map { (layer: layer, source: $0, distance: distance(layer, $0)) }
        }
        return pairs.sorted {
            $0.distance != $1.distance
                ? $0.distance > $1.distance : ($0.layer, $0.source) < ($1.layer, $1.source)
        }
    }
}
