package import EPASArray

/// A value of a ``Graph``: one result of one of its nodes.
package struct Tensor {
    package let graph: Graph
    /// The node's position in the graph, which is a topological order.
    package let id: Int
    /// Which of the node's results this is; 0 for most operations.
    package let resultIndex: Int
    package let shape: Shape

    package var elementType: ElementType { shape.elementType }
    package var dimensions: [Int] { shape.dimensions }
    package var rank: Int { shape.rank }

    var value: Value { Value(node: id, result: resultIndex) }
}

/// A tensor's place in its graph.
struct Value: Hashable {
    let node: Int
    let result: Int
}

extension Tensor: CustomStringConvertible {
    package var description: String { "\(graph.nodes[id].operation.name) \(shape)" }
}
