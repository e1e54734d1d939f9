extension Tensor {
    /// The tensors whose sum this is: several where additions computed it, itself otherwise.
    ///
    /// A cotangent is such a sum where a tensor has several users. A kernel that takes the terms
    /// spares the program that sum's memory, and rounds once.
    ///
    /// - Parameter limit: The most terms to return; where there are more, the sum itself is the
    ///   only one.
    package func terms(atMost limit: Int) -> [Tensor] {
        let operands = graph.nodes[id].operands.map(graph.tensor)
        let terms: [Tensor]
        switch graph.nodes[id].operation {
        case let operation as Binary where operation == .add:
            terms = operands.flatMap { $0.terms(atMost: limit) }
        case is Reshape:
            terms = operands[0].terms(atMost: limit).map { $0.reshaped(dimensions) }
        default:
            terms = []
        }
        return terms.isEmpty || terms.count > limit ? [self] : terms
    }
}
