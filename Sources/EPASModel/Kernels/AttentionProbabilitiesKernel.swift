// Dimensions: M rows, N query heads, K key heads, G = N/K, H head, P planes, S sequences, C blocks
// per sequence, U tokens per block, T = C·U. E is float32 or bfloat16.

package import EPASArray
package import EPASGraph

/// The attention of each row's query to the keys at its own and earlier positions of its sequence:
/// softmax(q kᵀ / √H), computed in float32.
///
/// Operands: the query [M, N, H] and the pool of keys [blocks, K, U·H], both of type E, then, of
/// int32, the tables [P, S, C] of each sequence's blocks, and each row's sequence and position [M].
/// Only the plane's table counts; entries beyond a row's position are not looked at.
///
/// Result: [M, N, T], float32. What is beyond a row's position, and rows of negative position, are
/// zero in the plain form; the function does not write to them.
package struct AttentionProbabilitiesKernel: Kernel {
    package let keyValueHeads: Int

    /// Which of the tables is the keys'.
    package let plane: Int

    package init(keyValueHeads: Int, plane: Int) {
        self.keyValueHeads = keyValueHeads
        self.plane = plane
    }

    package var target: String { "epas.attention_probabilities" }
    package var settings: [String: KernelSetting] { ["plane": .int32(Int32(plane))] }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard operands.count == 5, operands[0].isRows(rank: 3), operands[1].isRows(rank: 3),
            operands[0].elementType == operands[1].elementType,
            operands[1].dimensions[1] == keyValueHeads,
            operands[0].dimensions[1].isMultiple(of: keyValueHeads),
            operands[1].dimensions[2].isMultiple(of: operands[0].dimensions[2]),
            operands[2].hasTable(plane), operands[3] == Shape(.int32, [operands[0].dimensions[0]]),
            operands[4] == operands[3]
        else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "queries [M, N, H] and a pool [blocks, K, U·H], both of "
                    + "\(Shape.rowTypes), N a multiple of K = \(keyValueHeads), and, of int32, a "
                    + "tables [P, S, C] with plane \(plane), the rows' sequence and position [M]")
        }
        let tokens = operands[1].dimensions[2] / operands[0].dimensions[2]
        let length = operands[2].dimensions[2] * tokens
        return [Shape(.float32, [operands[0].dimensions[0], operands[0].dimensions[1], length])]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let (query, pool, tables) = (operands[0], operands[1], operands[2])
        let (sequence, position) = (operands[3], operands[4])
        let (rows, heads, head) = (query.dimensions[0], query.dimensions[1], query.dimensions[2])
        let keys = CachePlane.Kind.key.gathered(
            pool, head: head, tables: tables, plane: plane, sequence: sequence)
        let length = keys.dimensions[1]
        // [M, K, G, H] · [M, T, K, H] → [M, K, G, T].
        let scores =
            query.reshaped([rows, keyValueHeads, heads / keyValueHeads, head])
            .dot(
                keys, contracting: ([3], [3]), batching: ([0, 1], [0, 2]), accumulating: .float32
            )
            .reshaped([rows, heads, length]) * (1 / Double(head).squareRoot())
        let visible = visiblePositions(position, count: length)
            .broadcast(to: scores.dimensions, along: [0, 2])
        let hidden = scores.filled(with: -Double.infinity)
        // A row that sees nothing has no softmax: everything over a sum of zero.
        let probabilities = softmax(select(visible, scores, hidden), over: 2)
        return [select(visible, probabilities, probabilities.filled(with: 0))]
    }
}

/// Which of `count` positions each row sees: those up to its own; [M, count].
func visiblePositions(_ position: Tensor, count: Int) -> Tensor {
    let dimensions = [position.dimensions[0], count]
    return position.graph.iota(Shape(.int32, dimensions), along: 1)
        .compared(.lessOrEqual, to: position.broadcast(to: dimensions, along: [0]))
}

extension Shape {
    /// Whether these are tables of the blocks of at least one sequence, that plane's among them.
    func hasTable(_ plane: Int) -> Bool {
        elementType == .int32 && rank == 3 && elementCount > 0
            && (0..<dimensions[0]).contains(plane)
    }
}
