package import EPASArray

/// How a reduction or a scatter combines two elements. The raw value is the StableHLO name.
package enum Combiner: String, Sendable, CaseIterable {
    case add = "stablehlo.add"
    case maximum = "stablehlo.maximum"
    case minimum = "stablehlo.minimum"
    case and = "stablehlo.and"
    case or = "stablehlo.or"

    /// The literal of the element that changes no other when combined with it.
    func neutral(_ elementType: ElementType) -> String {
        switch self {
        case .add: elementType.isFloatingPoint ? "0.0" : "0"
        case .maximum: elementType.lowest
        case .minimum: elementType.highest
        case .and: elementType == .bool ? "true" : elementType.allBitsSet
        case .or: elementType == .bool ? "false" : "0"
        }
    }

    /// Whether elements of this type can be combined.
    func takes(_ elementType: ElementType) -> Bool {
        switch self {
        case .and, .or: !elementType.isFloatingPoint
        default: elementType != .bool
        }
    }

    /// The region that combines two scalars.
    func region(_ elementType: ElementType) -> String {
        let type = Shape.scalar(elementType).text
        return """
            {
                ^bb0(%lhs: \(type), %rhs: \(type)):
                  %combined = "\(rawValue)"(%lhs, %rhs) : (\(type), \(type)) -> \(type)
                  "stablehlo.return"(%combined) : (\(type)) -> ()
                }
            """
    }
}

/// What regions name their values; no other value of a program is called so.
enum Region {
    static let reservedNames: Set<String> = ["lhs", "rhs", "combined"]
}

/// Combines the elements along some dimensions, which are removed. Operands: the tensor, and the
/// scalar that the combination starts from, which must be the combiner's neutral element.
///
/// The derivative of a maximum or minimum goes in equal parts to all elements that attain it.
/// Specification: <https://openxla.org/stablehlo/spec#reduce>
package struct Reduce: SingleResultOperation {
    let combiner: Combiner
    let axes: [Int]

    package init(_ combiner: Combiner, over axes: [Int]) {
        self.combiner = combiner
        self.axes = axes
    }

    package var name: String { "stablehlo.reduce" }
    package var attributes: String { "dimensions = \(Text.array(axes))" }

    package func regions(_ operands: [Shape]) -> String {
        combiner.region(operands[0].elementType)
    }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        let operand = operands[0]
        guard Set(axes).count == axes.count, axes.allSatisfy(operand.dimensions.indices.contains)
        else {
            throw error(operands, "axes \(axes) to be different dimensions of the operand")
        }
        guard operands[1] == .scalar(operand.elementType) else {
            throw error(operands, "a scalar start value of the operand's element type")
        }
        guard combiner.takes(operand.elementType) else {
            throw error(operands, "a type that \(combiner.rawValue) takes")
        }
        return Shape(operand.elementType, kept(operand.rank).map { operand.dimensions[$0] })
    }

    private func kept(_ rank: Int) -> [Int] { (0..<rank).filter { !axes.contains($0) } }

    package func pullback(_ dy: Tensor, result y: Tensor, operands: [Tensor]) -> [Tensor?] {
        let x = operands[0]
        func repeated(_ tensor: Tensor) -> Tensor {
            tensor.broadcast(to: x.dimensions, along: kept(x.rank))
        }
        switch combiner {
        case .add: return [repeated(dy), nil]
        case .maximum, .minimum:
            let attained = x.compared(.equal, to: repeated(y))
            let count = attained.converted(to: x.elementType).accumulated { $0.sum(over: axes) }
            return [select(attained, repeated(dy / count), x.filled(with: 0)), nil]
        case .and, .or: return [nil, nil]
        }
    }
}

extension Tensor {
    private func reduced(_ combiner: Combiner, over axes: [Int]) -> Tensor {
        if axes.isEmpty { return self }
        guard combiner.takes(elementType) else {
            fatalError("\(combiner.rawValue) cannot reduce \(shape)")
        }
        let start = graph.append(
            Constant(shape: .scalar(elementType), elements: combiner.neutral(elementType)))
        return graph.append(Reduce(combiner, over: axes.sorted()), self, start)
    }

    /// The sum over some axes, which are removed. It is accumulated in the tensor's own type.
    package func sum(over axes: [Int]) -> Tensor { reduced(.add, over: axes) }

    /// The largest element along some axes, which are removed; minus infinity of none.
    package func max(over axes: [Int]) -> Tensor { reduced(.maximum, over: axes) }

    /// The smallest element along some axes, which are removed; infinity of none.
    package func min(over axes: [Int]) -> Tensor { reduced(.minimum, over: axes) }

    /// The mean over some axes, which are removed. It is accumulated in the tensor's own type.
    package func mean(over axes: [Int]) -> Tensor {
        let sum = sum(over: axes)
        return sum / Double(axes.reduce(1) { $0 * dimensions[$1] })
    }

    /// Logical and of a mask's elements along some axes, which are removed; bitwise of integers.
    package func all(over axes: [Int]) -> Tensor { reduced(.and, over: axes) }

    /// Logical or of a mask's elements along some axes, which are removed; bitwise of integers.
    package func any(over axes: [Int]) -> Tensor { reduced(.or, over: axes) }

    /// Runs a sum in float32 where this is a 16-bit type, and rounds its result to this type.
    func accumulated(_ sum: (Tensor) -> Tensor) -> Tensor {
        switch elementType {
        case .float16, .bfloat16: sum(converted(to: .float32)).converted(to: elementType)
        default: sum(self)
        }
    }
}

extension ElementType {
    /// The literal of minus infinity or the smallest integer.
    fileprivate var lowest: String {
        switch self {
        case .int8: "\(Int8.min)"
        case .int32: "\(Int32.min)"
        case .int64: "\(Int64.min)"
        case .bool, .uint8, .uint32, .uint64: "0"
        case .float16: "0xFC00"
        case .bfloat16: "0xFF80"
        case .float32: "0xFF800000"
        case .float64: "0xFFF0000000000000"
        }
    }

    /// The literal of infinity or the largest integer.
    fileprivate var highest: String {
        switch self {
        case .bool: "1"
        case .int8: "\(Int8.max)"
        case .int32: "\(Int32.max)"
        case .int64: "\(Int64.max)"
        case .uint8, .uint32, .uint64: allBitsSet
        case .float16: "0x7C00"
        case .bfloat16: "0x7F80"
        case .float32: "0x7F800000"
        case .float64: "0x7FF0000000000000"
        }
    }

    /// The literal of the integer whose bits are all 1.
    fileprivate var allBitsSet: String {
        switch self {
        case .uint8: "\(UInt8.max)"
        case .uint32: "\(UInt32.max)"
        case .uint64: "\(UInt64.max)"
        default: "-1"
        }
    }
}
