package import EPASArray

/// A product of two tensors, summed over pairs of contracting dimensions, for each index of pairs
/// of batching dimensions. The result's dimensions are the batching ones, the left operand's
/// other ones, and the right operand's other ones.
///
/// Its element type may be wider than the operands': bfloat16 operands with a float32 result are
/// multiplied exactly and accumulated in float32. The derivative then rounds the cotangent to the
/// operands' type, so that the backward products run on the same units as the forward one,
/// accumulates in the result's type and rounds once to the operand's.
///
/// Specification: <https://openxla.org/stablehlo/spec#dot_general>
package struct Dot: SingleResultOperation {
    let contracting: ([Int], [Int])
    let batching: ([Int], [Int])
    let accumulating: ElementType?

    package init(
        contracting: ([Int], [Int]), batching: ([Int], [Int]) = ([], []),
        accumulating: ElementType? = nil
    ) {
        self.contracting = contracting
        self.batching = batching
        self.accumulating = accumulating
    }

    package var name: String { "stablehlo.dot_general" }
    package var attributes: String {
        """
        dot_dimension_numbers = #stablehlo.dot<\
        lhs_batching_dimensions = \(Text.brackets(batching.0)), \
        rhs_batching_dimensions = \(Text.brackets(batching.1)), \
        lhs_contracting_dimensions = \(Text.brackets(contracting.0)), \
        rhs_contracting_dimensions = \(Text.brackets(contracting.1))>
        """
    }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        let (lhs, rhs) = (operands[0], operands[1])
        guard lhs.elementType == rhs.elementType, lhs.elementType != .bool else {
            throw error(operands, "operands of one numeric element type")
        }
        if let accumulating {
            guard
                accumulating.isFloatingPoint == lhs.elementType.isFloatingPoint,
                accumulating != .bool, accumulating.byteCount >= lhs.elementType.byteCount
            else {
                throw error(operands, "a result type at least as wide, not \(accumulating)")
            }
        }
        let (lhsUsed, rhsUsed) = (batching.0 + contracting.0, batching.1 + contracting.1)
        guard batching.0.count == batching.1.count, contracting.0.count == contracting.1.count
        else {
            throw error(operands, "as many dimensions on the left as on the right")
        }
        guard Set(lhsUsed).count == lhsUsed.count, Set(rhsUsed).count == rhsUsed.count,
            lhsUsed.allSatisfy(lhs.dimensions.indices.contains),
            rhsUsed.allSatisfy(rhs.dimensions.indices.contains)
        else {
            throw error(
                operands,
                "dimensions \(lhsUsed) and \(rhsUsed) to be different ones of the operands")
        }
        for (left, right) in zip(lhsUsed, rhsUsed)
        where lhs.dimensions[left] != rhs.dimensions[right] {
            throw error(
                operands,
                "equal sizes in dimension \(left) of the left and \(right) of the right operand")
        }
        return Shape(
            accumulating ?? lhs.elementType,
            batching.0.map { lhs.dimensions[$0] }
                + Self.free(lhs.rank, lhsUsed).map { lhs.dimensions[$0] }
                + Self.free(rhs.rank, rhsUsed).map { rhs.dimensions[$0] })
    }

    /// The dimensions that are neither batching nor contracting.
    private static func free(_ rank: Int, _ used: [Int]) -> [Int] {
        (0..<rank).filter { !used.contains($0) }
    }

    package func pullback(_ dy: Tensor, result: Tensor, operands: [Tensor]) -> [Tensor?] {
        let (lhs, rhs) = (operands[0], operands[1])
        let lhsFree = Self.free(lhs.rank, batching.0 + contracting.0)
        let rhsFree = Self.free(rhs.rank, batching.1 + contracting.1)
        let batches = batching.0.count
        let dy = dy.converted(to: lhs.elementType)
        // Positions in the result of each operand's free dimensions.
        let lhsAxes = Array(batches..<batches + lhsFree.count)
        let rhsAxes = (0..<rhsFree.count).map { batches + lhsFree.count + $0 }

        /// The derivative of one operand, from the product of `dy` with the other one.
        func derivative(
            of operand: Tensor, batching own: [Int], free: [Int], contracting ownContracting: [Int],
            other: Tensor, _ otherBatching: [Int], _ otherFree: [Int], _ otherContracting: [Int],
            otherAxes: [Int]
        ) -> Tensor {
            // Result dimensions: batching, free of `operand`, then the other's contracting ones in
            // ascending order; `order` names the operand's dimension in each of these places.
            let product = dy.dot(
                other, contracting: (otherAxes, otherFree),
                batching: (Array(0..<batches), otherBatching), accumulating: accumulating)
            let pairs = zip(otherContracting, ownContracting).sorted { $0.0 < $1.0 }
            let order = own + free + pairs.map(\.1)
            return product.converted(to: operand.elementType)
                .transposed(order.indices.sorted { order[$0] < order[$1] })
        }
        return [
            derivative(
                of: lhs, batching: batching.0, free: lhsFree, contracting: contracting.0,
                other: rhs, batching.1, rhsFree, contracting.1, otherAxes: rhsAxes),
            derivative(
                of: rhs, batching: batching.1, free: rhsFree, contracting: contracting.1,
                other: lhs, batching.0, lhsFree, contracting.0, otherAxes: lhsAxes),
        ]
    }
}

extension Tensor {
    /// Returns the product with `other`, summed over the contracting dimensions.
    ///
    /// The result's dimensions are the batching ones, this tensor's other ones, and `other`'s other
    /// ones.
    ///
    /// - Parameters:
    ///   - contracting: Dimensions of this tensor and of `other` that are summed over, in pairs.
    ///   - batching: Dimensions of this tensor and of `other` that run in parallel, in pairs.
    ///   - accumulating: The result's element type; the operands' when left out.
    package func dot(
        _ other: Tensor, contracting: ([Int], [Int]), batching: ([Int], [Int]) = ([], []),
        accumulating: ElementType? = nil
    ) -> Tensor {
        graph.append(
            Dot(
                contracting: contracting, batching: batching,
                accumulating: accumulating == elementType ? nil : accumulating),
            self, other)
    }
}
