// Dimensions: M rows, K key heads, H head, U tokens per block. E is float32 or bfloat16.

package import EPASArray
package import EPASGraph

/// Writes rows' keys or values into blocks of a pool, in place.
///
/// Operands: the pool [blocks, K, U·H] and x [M, K, H], both of type E, then block and offset [M],
/// int32: row m goes to token offset[m] of block block[m], and nowhere if that is negative. No two
/// rows may go to one place. Result: the pool.
package struct CacheWriteKernel: Kernel {
    package let kind: CachePlane.Kind

    package init(kind: CachePlane.Kind) {
        self.kind = kind
    }

    package var target: String { "epas.cache_write" }
    package var settings: [String: KernelSetting] { ["keys": .bool(kind == .key)] }
    package var aliases: [Int: Int] { [0: 0] }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard operands.count == 4, operands[0].isRows(rank: 3), operands[1].isRows(rank: 3),
            operands[0].elementType == operands[1].elementType,
            operands[0].dimensions[1] == operands[1].dimensions[1],
            operands[0].dimensions[2].isMultiple(of: operands[1].dimensions[2]),
            operands[2] == Shape(.int32, [operands[1].dimensions[0]]), operands[3] == operands[2]
        else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "a pool [blocks, K, U·H] and rows x [M, K, H], both of "
                    + "\(Shape.rowTypes), and the rows' block and offset [M] of int32")
        }
        return [operands[0]]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let (pool, x, block, offset) = (operands[0], operands[1], operands[2], operands[3])
        let (blocks, heads) = (pool.dimensions[0], pool.dimensions[1])
        let (rows, head) = (x.dimensions[0], x.dimensions[2])
        let tokens = pool.dimensions[2] / head
        let places = kind.tokensFirst(pool, head: head)
            .reshaped([blocks * tokens, heads * head])

        // Rows of negative index, and of offsets outside their block, are dropped.
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
        let result = select(hits, written, places).reshaped([blocks, tokens, heads, head])
        return [kind.pooled(result)]
    }
}

// The order in which a block of the key-value cache holds its tokens.
extension CachePlane.Kind {
    /// [blocks, K, U·H] → [blocks, U, K, H].
    func tokensFirst(_ pool: Tensor, head: Int) -> Tensor {
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
    func pooled(_ x: Tensor) -> Tensor {
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
    ///   - table: The blocks of each sequence, [S, C] with C·U = T.
    ///   - sequence: Each row's sequence, [M].
    func gathered(_ pool: Tensor, head: Int, table: Tensor, sequence: Tensor) -> Tensor {
        let heads = pool.dimensions[1]
        let length = table.dimensions[1] * (pool.dimensions[2] / head)
        return tokensFirst(pool, head: head)
            .rows(at: table.rows(at: sequence))
            .reshaped([sequence.dimensions[0], length, heads, head])
    }
}
