package import EPASArray

/// A computation: an append-only list of nodes, each after the nodes it uses.
///
/// Node ids are therefore a topological order, so that a reverse sweep and printing are loops
/// over ids. Appending an operation that the graph already has on the same operands returns the
/// existing node (common-subexpression elimination).
package final class Graph {
    /// One operation applied to values of earlier nodes.
    struct Node {
        let operation: any Operation
        let attributes: String
        let regions: String
        // Not `[Tensor]`: a tensor holds its graph, and the graph would hold itself.
        let operands: [Value]
        let shapes: [Shape]
    }

    /// What makes two nodes the same computation.
    private struct Key: Hashable {
        let name: String
        let attributes: String
        let regions: String
        let operands: [Value]
        let shapes: [Shape]
    }

    private(set) var nodes: [Node] = []
    private var known: [Key: Int] = [:]
    /// Ids of the parameters, in order of creation.
    private(set) var parameters: [Int] = []
    private var parameterNames: Set<String> = []
    /// Nodes that the reverse sweep computes again, in order.
    private(set) var recomputedParts: [RecomputedPart] = []

    /// The kernels that the plugin this graph is for was given, by name.
    package let kernels: Set<String>

    /// - Parameter kernels: Names of the kernels that programs of this graph may call; where
    ///   others are applied, their plain form is appended.
    package init(kernels: Set<String> = []) {
        self.kernels = kernels
    }

    /// The number of nodes appended so far.
    package var nodeCount: Int { nodes.count }

    /// Appends a program argument; arguments are numbered in order of creation.
    ///
    /// - Parameter name: Appears in the program text. Names must differ within a graph.
    package func parameter(_ name: String, _ shape: Shape) -> Tensor {
        guard parameterNames.insert(name).inserted else {
            fatalError("The graph already has a parameter named '\(name)'.")
        }
        let parameter = append(Parameter(label: name, shape: shape), [])[0]
        parameters.append(parameter.id)
        return parameter
    }

    /// Appends an operation with one result.
    package func append(_ operation: some SingleResultOperation, _ operands: Tensor...) -> Tensor {
        append(operation, operands)[0]
    }

    /// Appends an operation, or finds it.
    ///
    /// Operands it cannot be applied to are a mistake in the code that builds the graph and stop
    /// the program with the shape rule's message.
    package func append(_ operation: any Operation, _ operands: [Tensor]) -> [Tensor] {
        for operand in operands where operand.graph !== self {
            fatalError("\(operation.name): an operand (\(operand)) belongs to another graph.")
        }
        let shapes: [Shape]
        do throws(ShapeError) {
            shapes = try operation.resultShapes(operands.map(\.shape))
        } catch {
            fatalError("\(error)")
        }
        let node = Node(
            operation: operation, attributes: operation.attributes,
            regions: operation.regions(operands.map(\.shape)),
            operands: operands.map(\.value), shapes: shapes)
        guard operation.isPure else { return results(of: insert(node)) }
        let key = Key(
            name: operation.name, attributes: node.attributes, regions: node.regions,
            operands: node.operands, shapes: shapes)
        if let id = known[key] { return results(of: id) }
        let id = insert(node)
        known[key] = id
        return results(of: id)
    }

    /// Marks nodes to be computed again by the reverse sweep.
    func add(_ part: RecomputedPart) {
        if let last = recomputedParts.last, last.nodes.upperBound > part.nodes.lowerBound {
            fatalError("Parts of a graph that are computed again cannot be nested.")
        }
        recomputedParts.append(part)
    }

    private func insert(_ node: Node) -> Int {
        nodes.append(node)
        return nodes.count - 1
    }

    /// The values that a node computes.
    func results(of id: Int) -> [Tensor] {
        nodes[id].shapes.enumerated().map {
            Tensor(graph: self, id: id, resultIndex: $0.offset, shape: $0.element)
        }
    }

    func tensor(_ value: Value) -> Tensor {
        Tensor(
            graph: self, id: value.node, resultIndex: value.result,
            shape: nodes[value.node].shapes[value.result])
    }
}
