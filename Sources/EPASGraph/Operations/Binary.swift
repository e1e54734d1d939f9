package import EPASArray

/// A two-operand elementwise operation on equal shapes. The raw value is the StableHLO name.
package enum Binary: String, SingleResultOperation, CaseIterable {
    case add = "stablehlo.add"
    case subtract = "stablehlo.subtract"
    case multiply = "stablehlo.multiply"
    case divide = "stablehlo.divide"
    case maximum = "stablehlo.maximum"
    case minimum = "stablehlo.minimum"
    case power = "stablehlo.power"

    package var name: String { rawValue }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        guard operands[0] == operands[1] else {
            throw error(operands, "operands of equal shape")
        }
        guard operands[0].elementType != .bool else { throw error(operands, "numeric operands") }
        return operands[0]
    }

    package func pullback(_ dy: Tensor, result y: Tensor, operands: [Tensor]) -> [Tensor?] {
        let (a, b) = (operands[0], operands[1])
        switch self {
        case .add: return [dy, dy]
        case .subtract: return [dy, -dy]
        case .multiply: return [dy * b, dy * a]
        case .divide: return [dy / b, -(dy / b * y)]
        // At a tie each operand takes half.
        case .maximum: return Self.share(dy, firstWhere: a.compared(.greater, to: b), a, b)
        case .minimum: return Self.share(dy, firstWhere: a.compared(.less, to: b), a, b)
        case .power:
            // The limits at a = 0 and b = 0, where the plain formulas are 0 times infinity.
            let (zero, one) = (y.filled(with: 0), y.filled(with: 1))
            let flat = b.compared(.equal, to: 0)
            let slope = b * pow(a, select(flat, one, b) - 1)
            let base = select(a.compared(.equal, to: 0), one, a)
            return [dy * select(flat, zero, slope), dy * (log(base) * y)]
        }
    }

    private static func share(
        _ dy: Tensor, firstWhere first: Tensor, _ a: Tensor, _ b: Tensor
    ) -> [Tensor?] {
        let zero = dy.filled(with: 0)
        let tie = a.compared(.equal, to: b)
        let half = dy * 0.5
        return [
            select(first, dy, select(tie, half, zero)),
            select(first, zero, select(tie, half, dy)),
        ]
    }
}

/// A two-operand logical (on `bool`) or bitwise (on integers) operation.
package enum Logical: String, Nondifferentiable, CaseIterable {
    case and = "stablehlo.and"
    case or = "stablehlo.or"
    case xor = "stablehlo.xor"

    package var name: String { rawValue }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        guard operands[0] == operands[1] else {
            throw error(operands, "operands of equal shape")
        }
        guard !operands[0].elementType.isFloatingPoint else {
            throw error(operands, "operands of a boolean or integer type")
        }
        return operands[0]
    }
}

/// Logical or bitwise complement.
package struct Not: Nondifferentiable {
    package init() {}

    package var name: String { "stablehlo.not" }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        guard !operands[0].elementType.isFloatingPoint else {
            throw error(operands, "an operand of a boolean or integer type")
        }
        return operands[0]
    }
}

/// The relation that a comparison tests. The raw value is StableHLO's.
package enum Comparison: String, Sendable, CaseIterable {
    case equal = "EQ"
    case notEqual = "NE"
    case less = "LT"
    case lessOrEqual = "LE"
    case greater = "GT"
    case greaterOrEqual = "GE"
}

/// Compares element by element. Specification: <https://openxla.org/stablehlo/spec#compare>
package struct Compare: Nondifferentiable {
    let direction: Comparison
    let elementType: ElementType

    package init(_ direction: Comparison, of elementType: ElementType) {
        self.direction = direction
        self.elementType = elementType
    }

    package var name: String { "stablehlo.compare" }
    package var attributes: String {
        // The kind may be left out, but the compiler then folds signed constants as unsigned ones.
        """
        compare_type = #stablehlo<comparison_type \(kind)>, \
        comparison_direction = #stablehlo<comparison_direction \(direction.rawValue)>
        """
    }

    private var kind: String {
        elementType.isFloatingPoint ? "FLOAT" : elementType.isSigned ? "SIGNED" : "UNSIGNED"
    }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        guard operands[0] == operands[1], operands[0].elementType == elementType else {
            throw error(operands, "operands of equal shape and of type \(elementType)")
        }
        return operands[0].with(.bool)
    }
}

/// Takes each element from one of two tensors. Operands: mask, where true, where false.
///
/// Specification: <https://openxla.org/stablehlo/spec#select>
package struct Select: SingleResultOperation {
    package init() {}

    package var name: String { "stablehlo.select" }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        guard operands[1] == operands[2] else {
            throw error(operands, "alternatives of equal shape")
        }
        guard operands[0] == operands[1].with(.bool) || operands[0] == .scalar(.bool) else {
            throw error(operands, "a boolean mask, scalar or of the alternatives' dimensions")
        }
        return operands[1]
    }

    package func pullback(_ dy: Tensor, result: Tensor, operands: [Tensor]) -> [Tensor?] {
        let zero = dy.filled(with: 0)
        return [nil, select(operands[0], dy, zero), select(operands[0], zero, dy)]
    }
}

package func + (a: Tensor, b: Tensor) -> Tensor { a.graph.append(Binary.add, a, b) }
package func - (a: Tensor, b: Tensor) -> Tensor { a.graph.append(Binary.subtract, a, b) }
package func * (a: Tensor, b: Tensor) -> Tensor { a.graph.append(Binary.multiply, a, b) }
package func / (a: Tensor, b: Tensor) -> Tensor { a.graph.append(Binary.divide, a, b) }
/// The larger of two elements; NaN if one is. At a tie each takes half of the gradient.
package func max(_ a: Tensor, _ b: Tensor) -> Tensor { a.graph.append(Binary.maximum, a, b) }
/// The smaller of two elements; NaN if one is. At a tie each takes half of the gradient.
package func min(_ a: Tensor, _ b: Tensor) -> Tensor { a.graph.append(Binary.minimum, a, b) }
/// `a` to the power `b`.
package func pow(_ a: Tensor, _ b: Tensor) -> Tensor { a.graph.append(Binary.power, a, b) }

// A number beside a tensor stands for a tensor of its shape and element type.
package func + (a: Tensor, b: Double) -> Tensor { a + a.filled(with: b) }
package func - (a: Tensor, b: Double) -> Tensor { a - a.filled(with: b) }
package func * (a: Tensor, b: Double) -> Tensor { a * a.filled(with: b) }
package func / (a: Tensor, b: Double) -> Tensor { a / a.filled(with: b) }
package func + (a: Double, b: Tensor) -> Tensor { b.filled(with: a) + b }
package func - (a: Double, b: Tensor) -> Tensor { b.filled(with: a) - b }
package func * (a: Double, b: Tensor) -> Tensor { b.filled(with: a) * b }
package func / (a: Double, b: Tensor) -> Tensor { b.filled(with: a) / b }
package func max(_ a: Tensor, _ b: Double) -> Tensor { max(a, a.filled(with: b)) }
package func min(_ a: Tensor, _ b: Double) -> Tensor { min(a, a.filled(with: b)) }
package func pow(_ a: Tensor, _ b: Double) -> Tensor { pow(a, a.filled(with: b)) }
package func pow(_ a: Double, _ b: Tensor) -> Tensor { pow(b.filled(with: a), b) }

/// Logical and of masks; bitwise and of integers.
package func & (a: Tensor, b: Tensor) -> Tensor { a.graph.append(Logical.and, a, b) }
/// Logical or of masks; bitwise or of integers.
package func | (a: Tensor, b: Tensor) -> Tensor { a.graph.append(Logical.or, a, b) }
/// Exclusive or of masks or of integers.
package func ^ (a: Tensor, b: Tensor) -> Tensor { a.graph.append(Logical.xor, a, b) }
/// Complement of a mask or of integers.
package prefix func ! (a: Tensor) -> Tensor { a.graph.append(Not(), a) }

/// `a` where `mask` is true, `b` elsewhere. `mask` is a scalar or has the dimensions of `a`.
package func select(_ mask: Tensor, _ a: Tensor, _ b: Tensor) -> Tensor {
    mask.graph.append(Select(), mask, a, b)
}

extension Tensor {
    /// A mask of where the relation holds between this tensor and `other`, of its shape.
    package func compared(_ direction: Comparison, to other: Tensor) -> Tensor {
        graph.append(Compare(direction, of: elementType), self, other)
    }

    /// A mask of where the relation holds between this tensor and a number.
    package func compared(_ direction: Comparison, to other: Double) -> Tensor {
        compared(direction, to: filled(with: other))
    }

    /// A tensor of this one's shape and element type with all elements equal to `value`.
    package func filled(with value: Double) -> Tensor { graph.constant(value, shape) }
}
