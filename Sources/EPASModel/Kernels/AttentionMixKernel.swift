// Dimensions: M rows, N query heads, K key heads, G = N/K, H head, P planes, S sequences, C blocks
// per sequence, U tokens per block, T = C·U. E is float32 or bfloat16.

package import EPASArray
package import EPASGraph

/// Mixes the values at each row's own and earlier positions of its sequence by the row's
/// probabilities: Σ p[t] v[t], accumulated in float32.
///
/// Operands: the probabilities [M, N, T], float32, as ``AttentionProbabilitiesKernel`` gives them;
/// the pool of values [blocks, K, U·H] of type E; then, of int32, the tables [P, S, C] of each
/// sequence's blocks, and each row's sequence and position [M]. Only the plane's table counts; its
/// entries and the probabilities beyond a row's position are not looked at.
///
/// Result: [M, N·H] of type E; zero in rows of negative position.
package struct AttentionMixKernel: Kernel {
    /// Which of the tables is the values'.
    package let plane: Int

    package init(plane: Int) {
        self.plane = plane
    }

    package var target: String { "epas.attention_mix" }
    package var settings: [String: KernelSetting] { ["plane": .int32(Int32(plane))] }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard operands.count == 5, operands[0].isRows(rank: 3),
            operands[0].elementType == .float32, operands[1].isRows(rank: 3),
            operands[0].dimensions[1].isMultiple(of: operands[1].dimensions[1]),
            operands[2].hasTable(plane),
            operands[0].dimensions[2].isMultiple(of: operands[2].dimensions[2]),
            operands[1].dimensions[2].isMultiple(
                of: operands[0].dimensions[2] / operands[2].dimensions[2]),
            operands[3] == Shape(.int32, [operands[0].dimensions[0]]), operands[4] == operands[3]
        else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "probabilities [M, N, C·U] of float32, a pool [blocks, K, U·H] of "
                    + "\(Shape.rowTypes), N a multiple of K, and, of int32, tables [P, S, C] with "
                    + "plane \(plane), the rows' sequence and position [M]")
        }
        let tokens = operands[0].dimensions[2] / operands[2].dimensions[2]
        let width = operands[0].dimensions[1] * (operands[1].dimensions[2] / tokens)
        return [Shape(operands[1].elementType, [operands[0].dimensions[0], width])]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let (probabilities, pool, tables) = (operands[0], operands[1], operands[2])
        let (sequence, position) = (operands[3], operands[4])
        let (rows, heads, length) =
            (probabilities.dimensions[0], probabilities.dimensions[1], probabilities.dimensions[2])
        let keyValueHeads = pool.dimensions[1]
        let head = pool.dimensions[2] / (length / tables.dimensions[2])
        let values = CachePlane.Kind.value.gathered(
            pool, head: head, tables: tables, plane: plane, sequence: sequence
        )
        .converted(to: .float32)
        let visible = visiblePositions(position, count: length)
        // What is not seen may hold anything, also what is not a number.
        let seen = select(
            visible.broadcast(to: values.dimensions, along: [0, 1]), values,
            values.filled(with: 0))
        let weights = select(
            visible.broadcast(to: probabilities.dimensions, along: [0, 2]), probabilities,
            probabilities.filled(with: 0))
        // [M, K, G, T] · [M, T, K, H] → [M, K, G, H].
        let mixed =
            weights.reshaped([rows, keyValueHeads, heads / keyValueHeads, length])
            .dot(seen, contracting: ([3], [1]), batching: ([0, 1], [0, 2]))
        return [mixed.reshaped([rows, heads * head]).converted(to: pool.elementType)]
    }
}
