// Projections among a kernel's operands: each a weight, the weight's scales where it is one of
// integers, then, in some kernels, a bias.

import EPASArray
import EPASGraph

/// Takes the projections at the end of a kernel's operands.
struct ProjectionOperands {
    private var operands: ArraySlice<Tensor>
    private let hasBiases: Bool

    init(_ operands: ArraySlice<Tensor>, hasBiases: Bool) {
        self.operands = operands
        self.hasBiases = hasBiases
    }

    mutating func next() -> Linear {
        var linear = operands.takeLinear()
        if hasBiases { linear.bias = operands.removeFirst() }
        return linear
    }
}

extension Linear {
    /// The operands of a kernel that ``ProjectionOperands`` takes.
    var operands: [Tensor] { [weight] + [scales, bias].compactMap(\.self) }
}

extension ArraySlice<Tensor> {
    /// Takes a projection without a bias.
    mutating func takeLinear() -> Linear {
        let weight = removeFirst()
        return Linear(weight: weight, scales: weight.elementType == .int8 ? removeFirst() : nil)
    }
}

extension ArraySlice<Shape> {
    /// Takes a weight of rows x [M, D], and its scales where it is one of integers.
    ///
    /// - Returns: The number of outputs; `nil` if the first of these shapes are no weight of x.
    mutating func takeWeight(of x: Shape) -> Int? {
        guard let weight = popFirst(), weight.rank == 2, weight.elementCount > 0,
            weight.dimensions[1] == x.dimensions[1]
        else { return nil }
        let out = weight.dimensions[0]
        if weight.elementType == x.elementType { return out }
        let count = QuantizedMatrix.scaleCount(columns: weight.dimensions[1])
        guard weight.elementType == .int8, popFirst() == Shape(.float32, [out, count]) else {
            return nil
        }
        return out
    }

    /// The outputs of the projections of rows x [M, D] that these are the shapes of; `nil` if they
    /// are not.
    func projections(of x: Shape, hasBiases: Bool) -> [Int]? {
        var rest = self
        var widths: [Int] = []
        while !rest.isEmpty {
            guard let out = rest.takeWeight(of: x),
                !hasBiases || rest.popFirst() == Shape(.float32, [out])
            else { return nil }
            widths.append(out)
        }
        return widths
    }
}
