// Dimensions: M rows, D model, N query heads, K key heads, H head, P planes, U tokens per block.
// E is float32 or bfloat16.

package import EPASArray
package import EPASGraph

/// What rows attend with: the projections of their root mean square norm, queries and keys rotated
/// by the rows' positions (see ``RotaryAngles``), keys and values written into blocks of a pool, in
/// place. Computed in float32; the norm, the projections and what is rotated are rounded to E.
///
/// Operands: x [M, D] of type E; the norm's weight [D], float32; every position's cosines and sines
/// [positions, H/2], float32; the rows' positions [M], int32, of which negative ones stand for 0;
/// the pool [blocks, K, U·H] of type E; targets [P, M] and offsets [M], int32: in a plane, row m goes
/// to token offsets[m] of block targets[plane, m], and nowhere if that is negative; no two rows may
/// go to one place. Then, for those of query, key and value that are computed, the weight [n·H, D]
/// of type E, or of int8 and its scales as in ``LinearKernel``, and, with biases, the bias [n·H],
/// float32.
///
/// Results: the queries [M, N, H] of type E where they are computed, then the pool.
package struct AttentionInputsKernel: Kernel {
    package let epsilon: Double
    package let hasQuery: Bool
    /// The planes of the targets; `nil` where keys or values are not computed.
    package let keyPlane: Int?
    package let valuePlane: Int?
    package let hasBiases: Bool

    package init(
        epsilon: Double, hasQuery: Bool, keyPlane: Int?, valuePlane: Int?, hasBiases: Bool
    ) {
        self.epsilon = epsilon
        self.hasQuery = hasQuery
        self.keyPlane = keyPlane
        self.valuePlane = valuePlane
        self.hasBiases = hasBiases
    }

    package var target: String { "epas.attention_inputs" }
    package var settings: [String: KernelSetting] {
        [
            "epsilon": .float32(Float(epsilon)), "query": .bool(hasQuery),
            "key_plane": .int32(Int32(keyPlane ?? -1)),
            "value_plane": .int32(Int32(valuePlane ?? -1)),
        ]
    }
    package var aliases: [Int: Int] { [hasQuery ? 1 : 0: 5] }

    /// The planes that rows are written to, keys before values.
    private var planes: [Int] { [keyPlane, valuePlane].compactMap(\.self) }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        func refusal(_ requirement: String) -> ShapeError {
            ShapeError(operation: target, operands: operands, requirement: requirement)
        }
        let projections = (hasQuery ? 1 : 0) + planes.count
        guard projections > 0 else { throw refusal("queries, keys or values to compute") }
        // Integers come with scales.
        let isQuantized = operands.count > 8 && operands[8].elementType == .int8
        let step = 1 + (isQuantized ? 1 : 0) + (hasBiases ? 1 : 0)
        guard operands.count == 8 + projections * step,
            operands[0].isRows(rank: 2),
            operands[1] == Shape(.float32, [operands[0].dimensions[1]]),
            operands[2].isRows(rank: 2), operands[2].elementType == .float32,
            operands[3] == operands[2],
            operands[4] == Shape(.int32, [operands[0].dimensions[0]]), operands[7] == operands[4]
        else {
            throw refusal(
                "rows x [M, D] of \(Shape.rowTypes), a norm's weight [D], cosines and sines "
                    + "[positions, H/2], all of float32, positions [M], a pool, targets, offsets "
                    + "[M], and \(projections) projections")
        }
        let (x, pool, targets) = (operands[0], operands[5], operands[6])
        let head = 2 * operands[2].dimensions[1]
        guard pool.isRows(rank: 3), pool.elementType == x.elementType,
            pool.dimensions[2].isMultiple(of: head), targets.elementType == .int32,
            targets.rank == 2, targets.dimensions[1] == x.dimensions[0],
            planes.allSatisfy({ (0..<targets.dimensions[0]).contains($0) })
        else {
            throw refusal(
                "a pool [blocks, K, U·H] like x and targets [P, M] of int32 with planes \(planes)")
        }
        let keyWidth = pool.dimensions[1] * head
        guard let widths = operands[8...].projections(of: x, hasBiases: hasBiases),
            widths.count == projections,
            widths.suffix(planes.count).allSatisfy({ $0 == keyWidth }),
            !hasQuery || widths[0].isMultiple(of: head)
        else {
            throw refusal(
                "weights like x or of int8 with scales, of queries [N·H, D], of keys and values [K·H, D], H = \(head)"
                    + (hasBiases ? ", each with a bias of float32" : ""))
        }
        guard hasQuery else { return [pool] }
        let heads = widths[0] / head
        return [Shape(x.elementType, [x.dimensions[0], heads, head]), pool]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let z = RMSNorm(weight: operands[1], epsilon: epsilon)(
            operands[0], as: operands[0].elementType)
        let angles = RotaryAngles(
            cosine: operands[2].rows(at: operands[4]), sine: operands[3].rows(at: operands[4]))
        let head = 2 * operands[2].dimensions[1]
        var rest = ProjectionOperands(operands[8...], hasBiases: hasBiases)
        /// [M, D] → [M, n, H]
        func next() -> Tensor {
            let y = rest.next()(z)
            return y.reshaped([y.dimensions[0], y.dimensions[1] / head, head])
        }
        // The rows are the positions of a batch of one.
        func rotated(_ x: Tensor) -> Tensor {
            angles.rotate(x.reshaped([1] + x.dimensions)).reshaped(x.dimensions)
        }
        var pool = operands[5]
        func write(_ x: Tensor, _ kind: CachePlane.Kind, plane: Int) {
            let target = operands[6].sliced(along: 0, plane..<plane + 1)
                .reshaped([x.dimensions[0]])
            pool = kind.writing(x, to: pool, blocks: target, offsets: operands[7])
        }
        let query = hasQuery ? [rotated(next())] : []
        if let keyPlane { write(rotated(next()), .key, plane: keyPlane) }
        if let valuePlane { write(next(), .value, plane: valuePlane) }
        return query + [pool]
    }
}
