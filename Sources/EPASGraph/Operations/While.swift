internal import EPASArray

/// Applies a body to some values again and again while a condition holds for them.
///
/// There is no derivative: the reverse sweep would need every iteration's values, and their number
/// is known only when the program runs. Specification:
/// <https://openxla.org/stablehlo/spec#while>
struct While: Operation {
    /// The text of the two regions.
    let condition: String
    let body: String
    let conditionShape: Shape
    let bodyShapes: [Shape]
    /// How deep loops are nested in this one; 1 for none.
    let depth: Int

    var name: String { "stablehlo.while" }

    func regions(_ operands: [Shape]) -> String { "\(condition), \(body)" }

    func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard !operands.isEmpty else { throw error(operands, "a value that is carried along") }
        guard conditionShape == .scalar(.bool) else {
            throw error(operands, "a condition of type tensor<i1>, not \(conditionShape.text)")
        }
        guard bodyShapes == operands else {
            let shapes = bodyShapes.map(\.text).joined(separator: ", ")
            throw error(operands, "a body that returns what it takes, not \(shapes)")
        }
        return operands
    }

    func pullback(_ cotangents: [Tensor?], results: [Tensor], operands: [Tensor]) -> [Tensor?] {
        fatalError(
            "\(name) has no derivative; write its iterations one after the other, or call "
                + "stopGradient() on its results.")
    }
}

/// Applies `body` to the values again and again while `condition` holds for them.
///
/// The closures build graphs of their own from the values they are given: they cannot use other
/// tensors, which must be carried along instead. There is no derivative.
///
/// - Parameters:
///   - initial: The values that the loop starts from; at least one.
///   - condition: Builds a scalar `bool` from the values.
///   - body: Builds the next values, of the same shapes.
/// - Returns: The first values for which the condition does not hold.
package func repeated(
    _ initial: [Tensor], while condition: ([Tensor]) -> Tensor, body: ([Tensor]) -> [Tensor]
) -> [Tensor] {
    guard let graph = initial.first?.graph else {
        fatalError("repeated requires a value that is carried along; got none")
    }
    let (conditionGraph, bodyGraph) = (Graph(), Graph())
    func arguments(_ graph: Graph) -> [Tensor] {
        initial.enumerated().map { graph.parameter("\($0.offset)", $0.element.shape) }
    }
    let holds = condition(arguments(conditionGraph))
    let next = body(arguments(bodyGraph))
    // Names in a region must differ from those around it, so each level has a prefix of its own.
    let depth = 1 + max(conditionGraph.loopDepth, bodyGraph.loopDepth)
    func region(_ graph: Graph, _ results: [Tensor]) -> String {
        for result in results where result.graph !== graph {
            fatalError("repeated: a result (\(result)) does not come from the loop's own values.")
        }
        var printer = Printer(graph: graph, prefix: "%" + String(repeating: "$", count: depth))
        return printer.region(results)
    }
    let loop = While(
        condition: region(conditionGraph, [holds]), body: region(bodyGraph, next),
        conditionShape: holds.shape, bodyShapes: next.map(\.shape), depth: depth)
    return graph.append(loop, initial)
}

extension Graph {
    /// How deep the loops in this graph are nested; 0 for none.
    fileprivate var loopDepth: Int {
        nodes.lazy.compactMap { ($0.operation as? While)?.depth }.max() ?? 0
    }
}
