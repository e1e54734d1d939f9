package import EPASArray

/// A one-operand elementwise operation. The raw value is the StableHLO name.
package enum Unary: String, SingleResultOperation, CaseIterable {
    case negate = "stablehlo.negate"
    case absolute = "stablehlo.abs"
    case signum = "stablehlo.sign"
    case exponential = "stablehlo.exponential"
    case exponentialMinusOne = "stablehlo.exponential_minus_one"
    case logarithm = "stablehlo.log"
    case logarithmPlusOne = "stablehlo.log_plus_one"
    case squareRoot = "stablehlo.sqrt"
    case reciprocalSquareRoot = "stablehlo.rsqrt"
    case hyperbolicTangent = "stablehlo.tanh"
    case logistic = "stablehlo.logistic"
    case cosine = "stablehlo.cosine"
    case sine = "stablehlo.sine"

    package var name: String { rawValue }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        let type = operands[0].elementType
        switch self {
        case .negate:
            guard type != .bool else { throw error(operands, "a numeric operand") }
        case .absolute, .signum:
            guard type.isFloatingPoint || type.isSigned else {
                throw error(operands, "a signed operand")
            }
        default:
            guard type.isFloatingPoint else {
                throw error(operands, "a floating-point operand")
            }
        }
        return operands[0]
    }

    package func pullback(_ dy: Tensor, result y: Tensor, operands: [Tensor]) -> [Tensor?] {
        let x = operands[0]
        return switch self {
        case .negate: [-dy]
        case .absolute: [dy * sign(x)]
        case .signum: [nil]
        case .exponential: [dy * y]
        case .exponentialMinusOne: [dy * (y + 1)]
        case .logarithm: [dy / x]
        case .logarithmPlusOne: [dy / (x + 1)]
        case .squareRoot: [dy * 0.5 / y]
        // y / x and not y * y * y, which overflows in 16 bits.
        case .reciprocalSquareRoot: [dy * -0.5 * (y / x)]
        case .hyperbolicTangent: [dy * (1 - y * y)]
        case .logistic: [dy * (y * (1 - y))]
        case .cosine: [-(dy * sin(x))]
        case .sine: [dy * cos(x)]
        }
    }
}

/// Converts to another element type, rounding to nearest even; a `bool` becomes 0 or 1.
///
/// The derivative converts back. It is zero to or from an integer type.
/// Specification: <https://openxla.org/stablehlo/spec#convert>
package struct Convert: SingleResultOperation {
    let elementType: ElementType

    package init(to elementType: ElementType) {
        self.elementType = elementType
    }

    package var name: String { "stablehlo.convert" }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        operands[0].with(elementType)
    }

    package func pullback(_ dy: Tensor, result: Tensor, operands: [Tensor]) -> [Tensor?] {
        let operand = operands[0].elementType
        guard operand.isFloatingPoint, elementType.isFloatingPoint else { return [nil] }
        return [dy.converted(to: operand)]
    }
}

/// Whether each element is neither infinite nor a NaN.
package struct IsFinite: Nondifferentiable {
    package init() {}

    package var name: String { "stablehlo.is_finite" }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        guard operands[0].elementType.isFloatingPoint else {
            throw error(operands, "a floating-point operand")
        }
        return operands[0].with(.bool)
    }
}

/// Its operand, which the reverse sweep takes for a constant. It is not printed.
struct StopGradient: Nondifferentiable, PassThrough {
    var name: String { "stop_gradient" }
    func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape { operands[0] }
}

extension ElementType {
    /// Whether this is a signed integer type.
    var isSigned: Bool {
        switch self {
        case .int8, .int32, .int64: true
        default: false
        }
    }
}

package prefix func - (x: Tensor) -> Tensor { x.graph.append(Unary.negate, x) }
package func abs(_ x: Tensor) -> Tensor { x.graph.append(Unary.absolute, x) }
/// -1, 0 or 1.
package func sign(_ x: Tensor) -> Tensor { x.graph.append(Unary.signum, x) }
package func exp(_ x: Tensor) -> Tensor { x.graph.append(Unary.exponential, x) }
/// exp(x) - 1, exact near 0.
package func expMinusOne(_ x: Tensor) -> Tensor { x.graph.append(Unary.exponentialMinusOne, x) }
package func log(_ x: Tensor) -> Tensor { x.graph.append(Unary.logarithm, x) }
/// log(1 + x), exact near 0.
package func log(onePlus x: Tensor) -> Tensor { x.graph.append(Unary.logarithmPlusOne, x) }
package func sqrt(_ x: Tensor) -> Tensor { x.graph.append(Unary.squareRoot, x) }
package func rsqrt(_ x: Tensor) -> Tensor { x.graph.append(Unary.reciprocalSquareRoot, x) }
package func tanh(_ x: Tensor) -> Tensor { x.graph.append(Unary.hyperbolicTangent, x) }
package func sigmoid(_ x: Tensor) -> Tensor { x.graph.append(Unary.logistic, x) }
package func cos(_ x: Tensor) -> Tensor { x.graph.append(Unary.cosine, x) }
package func sin(_ x: Tensor) -> Tensor { x.graph.append(Unary.sine, x) }

extension Tensor {
    /// The tensor in another element type, rounded to nearest even; itself if it has that type.
    package func converted(to elementType: ElementType) -> Tensor {
        if elementType == self.elementType { return self }
        return graph.append(Convert(to: elementType), self)
    }

    /// What this was converted from where that has the same numbers in fewer bits; else itself.
    package var unwidened: Tensor {
        guard elementType == .float32, graph.nodes[id].operation is Convert else { return self }
        let operand = graph.tensor(graph.nodes[id].operands[0])
        return operand.elementType == .bfloat16 ? operand : self
    }

    /// A mask of the elements that are neither infinite nor a NaN.
    package func isFinite() -> Tensor { graph.append(IsFinite(), self) }

    /// The same value, through which no gradient passes.
    package func stopGradient() -> Tensor { graph.append(StopGradient(), self) }
}
