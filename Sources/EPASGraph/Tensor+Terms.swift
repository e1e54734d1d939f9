extension Tensor {
    /// The tensors whose sum this is, in their order: several where additions computed it, itself
    /// otherwise.
    ///
    /// A cotangent is such a sum where a tensor has several users. A kernel that takes the terms
    /// spares the program that sum's memory, and rounds once.
    ///
    /// - Parameter limit: The most terms to return; where there are more, the sum itself is the
    ///   only one.
    package func terms(atMost limit: Int) -> [Tensor] {
        var terms: [Tensor] = []
        var rest = [self]
        while let next = rest.popLast() {
            if let (first, second) = next.addends {
                rest += [second, first]
            } else {
                terms.append(next)
            }
            guard terms.count + rest.count <= limit else { return [self] }
        }
        return terms
    }

    /// What was added last to compute this, in this tensor's dimensions.
    private var addends: (Tensor, Tensor)? {
        let node = graph.nodes[id]
        let operands = node.operands.map(graph.tensor)
        if node.operation as? Binary == .add { return (operands[0], operands[1]) }
        guard node.operation is Reshape, let (first, second) = operands[0].addends else {
            return nil
        }
        return (first.reshaped(dimensions), second.reshaped(dimensions))
    }
}
