// Attention in plain operations: the definition of the kernels of training.
//
// Dimensions: B batch, T tokens, N query heads, K key heads, G = N/K, H head. E is float32 or
// bfloat16.

import EPASArray
import EPASGraph

/// Causal attention over whole sequences, float32 where nothing else is said.
struct AttentionForm {
    let heads: Int
    let keyValueHeads: Int
    let head: Int

    var group: Int { heads / keyValueHeads }

    init(heads: Int, keyValueHeads: Int, head: Int) {
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.head = head
    }

    /// - Parameters:
    ///   - query: [B, T, N, H]
    ///   - key: [B, T, K, H]
    init(query: Shape, key: Shape) {
        self.init(
            heads: query.dimensions[2], keyValueHeads: key.dimensions[2],
            head: query.dimensions[3])
    }

    /// q kᵀ / √H, minus infinity where a query does not see a key, [B, K, G, T, T].
    func scores(query: Tensor, key: Tensor) -> Tensor {
        let length = query.dimensions[1]
        let scores = product(query, key) * (1 / Double(head).squareRoot())
        let graph = query.graph
        let square = Shape(.int32, [length, length])
        let visible = graph.iota(square, along: 1)
            .compared(.lessOrEqual, to: graph.iota(square, along: 0))
            .broadcast(to: scores.dimensions, along: [3, 4])
        return select(visible, scores, graph.constant(-Double.infinity, scores.shape))
    }

    /// Every query head's x with its key head's y, [B, T, N, H] · [B, T, K, H] → [B, K, G, T, T].
    func product(_ x: Tensor, _ y: Tensor) -> Tensor {
        let (batch, length) = (x.dimensions[0], x.dimensions[1])
        // [B, K, G·T, H] · [B, K, T, H]: the queries of a group share one product with its keys.
        return x.transposed([0, 2, 1, 3])
            .reshaped([batch, keyValueHeads, group * length, head])
            .dot(
                y.transposed([0, 2, 1, 3]), contracting: ([3], [3]), batching: ([0, 1], [0, 1]),
                accumulating: .float32
            )
            .reshaped([batch, keyValueHeads, group, length, length])
    }

    /// Σ weights · y over the keys, [B, K, G, T, T] · [B, T, K, H] → [B, T, N, H].
    func mixed(_ weights: Tensor, _ y: Tensor) -> Tensor {
        let (batch, length) = (y.dimensions[0], y.dimensions[1])
        return weights.reshaped([batch, keyValueHeads, group * length, length])
            .dot(
                y.transposed([0, 2, 1, 3]), contracting: ([3], [2]), batching: ([0, 1], [0, 1]),
                accumulating: .float32
            )
            .reshaped([batch, heads, length, head])
            .transposed([0, 2, 1, 3])
    }

    /// Σ weights · x over the queries and heads that use a key, [B, K, G, T, T] · [B, T, N, H] →
    /// [B, T, K, H].
    func gathered(_ weights: Tensor, _ x: Tensor) -> Tensor {
        let (batch, length) = (x.dimensions[0], x.dimensions[1])
        return weights.reshaped([batch, keyValueHeads, group * length, length])
            .dot(
                x.transposed([0, 2, 1, 3])
                    .reshaped([batch, keyValueHeads, group * length, head]),
                contracting: ([2], [2]), batching: ([0, 1], [0, 1]), accumulating: .float32
            )
            .transposed([0, 2, 1, 3])
    }

    /// The log-sum-exps of scores [B, K, G, T, T] in two parts; see ``Shape/logSumExps``.
    func logSumExps(_ scores: Tensor) -> Tensor {
        let maximum = scores.max(over: [4]).stopGradient()
        let powers = exp(scores - maximum.broadcast(to: scores.dimensions, along: [0, 1, 2, 3]))
        let dimensions = maximum.dimensions
        return concatenated(
            [maximum, log(powers.sum(over: [4]))].map {
                $0.reshaped([dimensions[0], heads, dimensions[3], 1])
            }, along: 3)
    }

    /// exp(scores - log-sum-exp), [B, K, G, T, T].
    func probabilities(query: Tensor, key: Tensor, logSumExp: Tensor) -> Tensor {
        let scores = scores(query: query, key: key)
        let dimensions = scores.dimensions
        func part(_ index: Int) -> Tensor {
            logSumExp.sliced(along: 3, index..<index + 1)
                .reshaped([dimensions[0], keyValueHeads, group, dimensions[3]])
                .broadcast(to: dimensions, along: [0, 1, 2, 3])
        }
        return exp(scores - part(0) - part(1))
    }
}

/// How kept probabilities lie in memory: for each head the lower triangle in squares of 64 · 64,
/// row of squares by row of squares, each of them 64 rows of as many numbers as it has columns.
/// What is above the diagonal or beyond the last token is zero.
enum KeptProbabilities {
    static let tile = 64

    /// The shape for queries [B, T, N, H]: [B, N, ..].
    static func shape(query: Shape) -> Shape {
        let tiles = tileCount(query.dimensions[1])
        return Shape(
            query.elementType,
            [query.dimensions[0], query.dimensions[2], tile * tile * tiles * (tiles + 1) / 2])
    }

    /// What a layer's kept probabilities take; `nil` for more than can be counted.
    static func byteCount(batch: Int, heads: Int, length: Int, _ type: ElementType) -> Int? {
        let tiles = tileCount(length)
        var count = tile * tile * type.byteCount
        for factor in [tiles * (tiles + 1) / 2, heads, batch] {
            let (product, overflows) = count.multipliedReportingOverflow(by: factor)
            if overflows { return nil }
            count = product
        }
        return count
    }

    private static func tileCount(_ length: Int) -> Int { (length + tile - 1) / tile }

    /// From [B, K, G, T, T].
    static func packed(_ probabilities: Tensor) -> Tensor {
        let dimensions = probabilities.dimensions
        let (batch, heads, length) =
            (dimensions[0], dimensions[1] * dimensions[2], dimensions[3])
        let rest = tileCount(length) * tile - length
        let padded = probabilities.reshaped([batch, heads, length, length])
            .padded(low: [0, 0, 0, 0], high: [0, 0, rest, rest], with: 0)
        return concatenated(
            (0..<tileCount(length)).map { i in
                padded.sliced(along: 2, i * tile..<(i + 1) * tile)
                    .sliced(along: 3, 0..<(i + 1) * tile)
                    .reshaped([batch, heads, tile * tile * (i + 1)])
            }, along: 2)
    }

    /// To [B, K, G, T, T].
    static func unpacked(_ kept: Tensor, length: Int, keyValueHeads: Int) -> Tensor {
        let (batch, heads) = (kept.dimensions[0], kept.dimensions[1])
        let tiles = tileCount(length)
        let rows = (0..<tiles).map { i in
            kept.sliced(
                along: 2, tile * tile * i * (i + 1) / 2..<tile * tile * (i + 1) * (i + 2) / 2
            )
            .reshaped([batch, heads, tile, tile * (i + 1)])
            .padded(low: [0, 0, 0, 0], high: [0, 0, 0, tile * (tiles - i - 1)], with: 0)
        }
        return concatenated(rows, along: 2)
            .sliced(along: 2, 0..<length).sliced(along: 3, 0..<length)
            .reshaped([batch, keyValueHeads, heads / keyValueHeads, length, length])
    }
}

extension Shape {
    /// Whether these are keys or values for queries [B, T, N, H]: [B, T, K, H] of the same type.
    func isKeys(for query: Shape) -> Bool {
        guard query.isRows(rank: 4), isRows(rank: 4) else { return false }
        var dimensions = query.dimensions
        dimensions[2] = self.dimensions[2]
        return self == Shape(query.elementType, dimensions)
            && query.dimensions[2].isMultiple(of: dimensions[2])
    }

    /// The log-sum-exps for these queries, [B, N, T, 2]: a row's largest score m, and
    /// log Σ exp(score - m). Their sum alone, rounded to float32, would be off by as much as
    /// 2⁻²⁴ of the largest score, and with it all probabilities of a row.
    var logSumExps: Shape {
        Shape(.float32, [dimensions[0], dimensions[2], dimensions[1], 2])
    }
}
