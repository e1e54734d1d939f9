package import EPASArray

/// Takes every `strides[i]`-th index from `starts[i]` up to, not including, `limits[i]`.
///
/// Specification: <https://openxla.org/stablehlo/spec#slice>
package struct Slice: SingleResultOperation {
    let starts: [Int]
    let limits: [Int]
    let strides: [Int]

    package init(starts: [Int], limits: [Int], strides: [Int]) {
        self.starts = starts
        self.limits = limits
        self.strides = strides
    }

    package var name: String { "stablehlo.slice" }
    package var attributes: String {
        """
        limit_indices = \(Text.array(limits)), start_indices = \(Text.array(starts)), \
        strides = \(Text.array(strides))
        """
    }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        let operand = operands[0]
        guard [starts, limits, strides].allSatisfy({ $0.count == operand.rank }),
            operand.dimensions.indices.allSatisfy({
                0 <= starts[$0] && starts[$0] <= limits[$0]
                    && limits[$0] <= operand.dimensions[$0] && strides[$0] > 0
            })
        else {
            throw error(
                operands,
                "starts \(starts) and limits \(limits) within the operand and positive strides "
                    + "\(strides), one for each dimension")
        }
        return Shape(
            operand.elementType,
            starts.indices.map { (limits[$0] - starts[$0] + strides[$0] - 1) / strides[$0] })
    }

    package func pullback(_ dy: Tensor, result: Tensor, operands: [Tensor]) -> [Tensor?] {
        let high = starts.indices.map { axis in
            let count = dy.dimensions[axis]
            let end = count == 0 ? starts[axis] : starts[axis] + (count - 1) * strides[axis] + 1
            return operands[0].dimensions[axis] - end
        }
        return [dy.padded(low: starts, high: high, interior: strides.map { $0 - 1 }, with: 0)]
    }
}

/// Adds `low[i]` elements before, `high[i]` after and `interior[i]` between those along each
/// dimension. Negative edges cut elements off. Operands: the tensor, and the scalar padding value.
///
/// The padding value is a constant, as the tensor method makes it: no gradient flows to it.
/// Specification: <https://openxla.org/stablehlo/spec#pad>
package struct Pad: SingleResultOperation {
    let low: [Int]
    let high: [Int]
    let interior: [Int]

    package init(low: [Int], high: [Int], interior: [Int]) {
        self.low = low
        self.high = high
        self.interior = interior
    }

    package var name: String { "stablehlo.pad" }
    package var attributes: String {
        """
        edge_padding_high = \(Text.array(high)), edge_padding_low = \(Text.array(low)), \
        interior_padding = \(Text.array(interior))
        """
    }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        let operand = operands[0]
        guard operands[1] == .scalar(operand.elementType) else {
            throw error(operands, "a scalar padding value of the operand's element type")
        }
        guard [low, high, interior].allSatisfy({ $0.count == operand.rank }),
            interior.allSatisfy({ $0 >= 0 })
        else {
            throw error(
                operands,
                "edges \(low), \(high) and nonnegative interior \(interior) for each dimension")
        }
        let dimensions = operand.dimensions.indices.map { axis in
            let size = operand.dimensions[axis]
            return low[axis] + size + max(size - 1, 0) * interior[axis] + high[axis]
        }
        guard dimensions.allSatisfy({ $0 >= 0 }) else {
            throw error(operands, "edges \(low), \(high) that cut off no more than there is")
        }
        return Shape(operand.elementType, dimensions)
    }

    package func pullback(_ dy: Tensor, result: Tensor, operands: [Tensor]) -> [Tensor?] {
        // Padding by the opposite amounts cuts what was added, and puts zeros where elements were
        // cut off; then every stride-th element is one of the operand's.
        let cut = dy.padded(low: low.map(-), high: high.map(-), with: 0)
        return [
            cut.sliced(
                starts: low.map { _ in 0 }, limits: cut.dimensions, strides: interior.map { $0 + 1 }
            ),
            nil,
        ]
    }
}

/// Joins tensors along one dimension. Specification:
/// <https://openxla.org/stablehlo/spec#concatenate>
package struct Concatenate: SingleResultOperation {
    let axis: Int

    package init(along axis: Int) {
        self.axis = axis
    }

    package var name: String { "stablehlo.concatenate" }
    package var attributes: String { "dimension = \(axis) : i64" }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        guard let first = operands.first, first.dimensions.indices.contains(axis) else {
            throw error(operands, "operands that have axis \(axis)")
        }
        var dimensions = first.dimensions
        dimensions[axis] = 0
        for operand in operands {
            var others = operand.dimensions
            if others.indices.contains(axis) { others[axis] = first.dimensions[axis] }
            guard operand.elementType == first.elementType, others == first.dimensions else {
                throw error(operands, "operands that are equal but for the size of axis \(axis)")
            }
            dimensions[axis] += operand.dimensions[axis]
        }
        return Shape(first.elementType, dimensions)
    }

    package func pullback(_ dy: Tensor, result: Tensor, operands: [Tensor]) -> [Tensor?] {
        var start = 0
        return operands.map { operand in
            let size = operand.dimensions[axis]
            defer { start += size }
            return dy.sliced(along: axis, start..<start + size)
        }
    }
}

extension Tensor {
    /// Returns the part of the tensor whose index along `axis` lies in `range`.
    package func sliced(along axis: Int, _ range: Range<Int>) -> Tensor {
        guard dimensions.indices.contains(axis) else {
            fatalError("sliced(along: \(axis)): \(shape) has no such axis")
        }
        var starts = dimensions.map { _ in 0 }
        var limits = dimensions
        (starts[axis], limits[axis]) = (range.lowerBound, range.upperBound)
        return sliced(starts: starts, limits: limits)
    }

    /// Returns every `strides[i]`-th index from `starts[i]` up to, not including, `limits[i]`, for
    /// each dimension; every one when `strides` is left out.
    package func sliced(starts: [Int], limits: [Int], strides: [Int]? = nil) -> Tensor {
        let strides = strides ?? starts.map { _ in 1 }
        if starts.allSatisfy({ $0 == 0 }), limits == dimensions, strides.allSatisfy({ $0 == 1 }) {
            return self
        }
        return graph.append(Slice(starts: starts, limits: limits, strides: strides), self)
    }

    /// Returns the tensor with `low[i]` elements of `value` before, `high[i]` after, and
    /// `interior[i]` between the elements along each dimension `i`. Negative edges cut elements.
    package func padded(
        low: [Int], high: [Int], interior: [Int]? = nil, with value: Double
    ) -> Tensor {
        let interior = interior ?? low.map { _ in 0 }
        if low.count == rank, [low, high, interior].allSatisfy({ $0.allSatisfy { $0 == 0 } }) {
            return self
        }
        let value = graph.constant(value, .scalar(elementType))
        return graph.append(Pad(low: low, high: high, interior: interior), self, value)
    }
}

/// Joins tensors, in order, along one axis. There must be at least one.
package func concatenated(_ tensors: [Tensor], along axis: Int) -> Tensor {
    guard let first = tensors.first else { fatalError("concatenated requires a tensor; got none") }
    if tensors.count == 1, first.dimensions.indices.contains(axis) { return first }
    return first.graph.append(Concatenate(along: axis), tensors)[0]
}
