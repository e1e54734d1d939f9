internal import EPASArray

/// Returns the derivative of `output` with respect to each tensor in `inputs`.
///
/// Reverse-mode differentiation, Griewank & Walther (2008), section 3.2. Node ids are a
/// topological order, so one backward pass over them visits every user before its operands; the
/// contributions to a tensor are added in that order, which makes the sum reproducible. Nodes that
/// no tensor of `inputs` reaches are not visited. The derivatives are nodes of the same graph and
/// can be differentiated again.
///
/// - Parameters:
///   - output: The tensor to differentiate.
///   - inputs: The tensors to differentiate with respect to; parameters or any others.
///   - seed: The cotangent of `output`, of its shape; 1 for a scalar `output` when left out.
/// - Returns: One derivative per input, of the input's shape, or `nil` where `output` does not
///   depend on it. A sharing layer's query projection is such an input: it must keep its weights
///   and its optimizer state, not decay toward zero.
package func gradients(
    of output: Tensor, withRespectTo inputs: [Tensor], seed: Tensor? = nil
) -> [Tensor?] {
    if seed == nil, output.rank != 0 {
        fatalError("gradients requires a seed for an output that is no scalar; got \(output.shape)")
    }
    let seed = seed ?? output.graph.constant(1, output.shape)
    return gradients(of: [(output, seed)], withRespectTo: inputs)
}

/// Returns the derivatives of several outputs, each weighted with its cotangent and added up; see
/// ``gradients(of:withRespectTo:seed:)``.
///
/// - Parameter outputs: At least one tensor, each with a cotangent of its shape.
package func gradients(
    of outputs: [(tensor: Tensor, cotangent: Tensor)], withRespectTo inputs: [Tensor]
) -> [Tensor?] {
    guard let graph = outputs.first?.tensor.graph else {
        fatalError("gradients requires an output; got none")
    }
    for tensor in inputs + outputs.map(\.tensor) where tensor.graph !== graph {
        fatalError("gradients: \(tensor) belongs to another graph than the first output.")
    }
    var cotangents: [Value: Tensor] = [:]
    for (output, cotangent) in outputs {
        guard output.elementType.isFloatingPoint else {
            fatalError("gradients requires a floating-point output; got \(output.shape)")
        }
        guard cotangent.shape == output.shape else {
            fatalError(
                "gradients requires a seed of the output's shape \(output.shape); "
                    + "got \(cotangent.shape)")
        }
        cotangents[output.value] = cotangents[output.value].map { $0 + cotangent } ?? cotangent
    }

    let last = outputs.map(\.tensor.id).max() ?? 0
    let depends = dependents(of: inputs, upTo: last, in: graph)
    let first = inputs.map(\.id).min() ?? last + 1
    var recomputation = Recomputation(graph)
    for id in stride(from: last, through: first, by: -1) where depends[id] {
        let arriving = graph.results(of: id).map { cotangents[$0.value] }
        guard arriving.contains(where: { $0 != nil }) else { continue }
        let node = graph.nodes[id]
        guard !node.operands.isEmpty else { continue }
        let (operands, results) = recomputation.values(of: id, cotangents: arriving)
        let contributions = node.operation.pullback(arriving, results: results, operands: operands)
        for (value, contribution) in zip(node.operands, contributions) where depends[value.node] {
            guard let contribution else { continue }
            let shape = graph.tensor(value).shape
            guard contribution.shape == shape else {
                fatalError(
                    "\(node.operation.name): the derivative has shape \(contribution.shape), "
                        + "its operand \(shape).")
            }
            cotangents[value] = cotangents[value].map { $0 + contribution } ?? contribution
        }
    }
    return inputs.map { depends.indices.contains($0.id) ? cotangents[$0.value] : nil }
}

/// For each node up to `last`, whether a derivative can flow from it to one of `inputs`.
private func dependents(of inputs: [Tensor], upTo last: Int, in graph: Graph) -> [Bool] {
    var depends = [Bool](repeating: false, count: last + 1)
    for input in inputs where input.id <= last { depends[input.id] = true }
    for id in depends.indices where !depends[id] {
        let node = graph.nodes[id]
        depends[id] =
            !(node.operation is any Nondifferentiable)
            && node.shapes.contains { $0.elementType.isFloatingPoint }
            && node.operands.contains { depends[$0.node] }
    }
    return depends
}
