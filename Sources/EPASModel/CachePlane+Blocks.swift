// The order in which a block of the key-value cache holds its tokens.
//
// Dimensions: M rows, S sequences, P planes, C blocks per sequence, K key heads, H head, U tokens per
// block, T = C·U.

import EPASArray
import EPASGraph

extension CachePlane.Kind {
    /// [blocks, K, U·H] → [blocks, U, K, H].
    private func tokensFirst(_ pool: Tensor, head: Int) -> Tensor {
        let (blocks, heads) = (pool.dimensions[0], pool.dimensions[1])
        let tokens = pool.dimensions[2] / head
        return switch self {
        case .key:
            pool.reshaped([blocks, heads, head, tokens]).transposed([0, 3, 1, 2])
        case .value:
            pool.reshaped([blocks, heads, tokens, head]).transposed([0, 2, 1, 3])
        }
    }

    /// [blocks, U, K, H] → [blocks, K, U·H].
    private func pooled(_ x: Tensor) -> Tensor {
        let (blocks, tokens, heads, head) =
            (x.dimensions[0], x.dimensions[1], x.dimensions[2], x.dimensions[3])
        let ordered =
            switch self {
            case .key: x.transposed([0, 2, 3, 1])
            case .value: x.transposed([0, 2, 1, 3])
            }
        return ordered.reshaped([blocks, heads, tokens * head])
    }

    /// The tokens of each row's sequence, [M, T, K, H].
    ///
    /// - Parameters:
    ///   - pool: [blocks, K, U·H].
    ///   - tables: The blocks of each sequence, [P, S, C] with C·U = T.
    ///   - sequence: Each row's sequence, [M].
    func gathered(
        _ pool: Tensor, head: Int, tables: Tensor, plane: Int, sequence: Tensor
    ) -> Tensor {
        let table = tables.sliced(along: 0, plane..<plane + 1)
            .reshaped(Array(tables.dimensions.dropFirst()))
        let heads = pool.dimensions[1]
        let length = table.dimensions[1] * (pool.dimensions[2] / head)
        return tokensFirst(pool, head: head)
            .rows(at: table.rows(at: sequence))
            .reshaped([sequence.dimensions[0], length, heads, head])
    }

    /// The pool [blocks, K, U·H] with rows x [M, K, H] at their blocks and offsets, [M]. Rows of
    /// negative block, and of offsets outside their block, are dropped.
    func writing(_ x: Tensor, to pool: Tensor, blocks block: Tensor, offsets offset: Tensor)
        -> Tensor
    {
        let (blocks, heads) = (pool.dimensions[0], pool.dimensions[1])
        let (rows, head) = (x.dimensions[0], x.dimensions[2])
        let tokens = pool.dimensions[2] / head
        let places = tokensFirst(pool, head: head).reshaped([blocks * tokens, heads * head])

        let none = block.filled(with: -1)
        let valid =
            block.compared(.greaterOrEqual, to: 0) & offset.compared(.greaterOrEqual, to: 0)
            & offset.compared(.less, to: Double(tokens))
        let index = select(valid, block * Double(tokens) + offset, none)
        let graph = pool.graph
        let written = places.filled(with: 0)
            .addingRows(x.reshaped([rows, heads * head]), at: index)
        let hits = graph.constant(0, Shape(.int32, [blocks * tokens]))
            .addingRows(graph.constant(1, Shape(.int32, [rows])), at: index)
            .compared(.greater, to: 0)
            .broadcast(to: places.dimensions, along: [0])
        return pooled(
            select(hits, written, places).reshaped([blocks, tokens, heads, head]))
    }
}
