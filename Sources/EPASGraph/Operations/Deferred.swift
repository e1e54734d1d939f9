package import EPASArray

/// A cotangent that is not computed but described by what it would be computed from.
///
/// An operation hands it to an operand whose own operation knows how to go on: where several users
/// contribute, that one sees all descriptions (``Tensor/deferredContributions``) and can compute
/// from them at once what would otherwise be computed for each user and added up. A program that
/// needs such a cotangent's value is a mistake.
package struct Deferred: SingleResultOperation {
    static let name = "epas.deferred"
    let shape: Shape

    package var name: String { Deferred.name }
    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape { shape }
    package func pullback(_ dy: Tensor, result: Tensor, operands: [Tensor]) -> [Tensor?] {
        fatalError("A deferred cotangent has no derivative.")
    }
}

extension Tensor {
    /// A cotangent of this tensor, described by tensors.
    package func deferredCotangent(from description: [Tensor]) -> Tensor {
        graph.append(Deferred(shape: shape), description)[0]
    }

    /// The descriptions that were added up to this cotangent, the first one first.
    ///
    /// A sum with anything else is a mistake in the code that builds the graph.
    package var deferredContributions: [[Tensor]] {
        let node = graph.nodes[id]
        let operands = node.operands.map(graph.tensor)
        if node.operation is Deferred { return [operands] }
        guard node.operation as? Binary == .add else {
            fatalError("A deferred cotangent was added to \(self), which is none.")
        }
        return operands.flatMap(\.deferredContributions)
    }
}
