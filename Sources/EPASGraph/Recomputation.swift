// Rematerialization: values that the reverse sweep computes again instead of having them kept from
// the forward pass (Chen et al., 2016; <https://arxiv.org/abs/1604.06174>).

package import EPASArray

/// Nodes that the reverse sweep appends again.
struct RecomputedPart {
    /// The value that is kept, and that they are computed from again.
    let input: Value
    let nodes: Range<Int>
    /// A value from before the part that is not kept either, and the node in the part that computes
    /// it from the input.
    let known: (value: Value, again: Value)?
}

extension Graph {
    /// Builds a part of the graph that ``gradients(of:withRespectTo:seed:)`` computes again when it
    /// comes to it, from `input`, instead of using what was computed forward.
    ///
    /// Values that nodes outside of the part use are kept, each with the other results of its
    /// operation, and not computed again: what the part returns, and what others share of it. The
    /// same operations run on the same values, so that only memory and time change.
    ///
    /// - Parameters:
    ///   - input: What the part is computed from; `nil` builds it without marking it.
    ///   - known: A value that an earlier operation computed together with the input, and how it is
    ///     computed from the input alone, so that it need not be kept.
    ///   - body: Appends the nodes. Parts cannot be nested.
    package func recomputed<Result>(
        from input: Tensor?, knowing known: (value: Tensor, again: (Tensor) -> Tensor)? = nil,
        _ body: () -> Result
    ) -> Result {
        guard let input else { return body() }
        let first = nodeCount
        // Never part of a program, but its copy is. No node before the part has such an operand.
        let again = known.map { ($0.value.value, $0.again(input.stopGradient()).value) }
        let result = body()
        add(RecomputedPart(input: input.value, nodes: first..<nodeCount, known: again))
        return result
    }
}

/// What a reverse sweep may use of the parts of a graph that are computed again.
struct Recomputation {
    private let graph: Graph
    /// The part that each node is in, by its index.
    private let parts: [Int?]
    /// Nodes in parts whose results others use.
    private let kept: Set<Int>
    /// What stands for a value, for each part that the sweep has come to.
    private var copies: [Int: [Value: Tensor]] = [:]

    init(_ graph: Graph) {
        self.graph = graph
        var parts = [Int?](repeating: nil, count: graph.nodeCount)
        for (index, part) in graph.recomputedParts.enumerated() {
            for node in part.nodes { parts[node] = index }
        }
        var kept: Set<Int> = []
        if !graph.recomputedParts.isEmpty {
            for (id, node) in graph.nodes.enumerated() {
                for operand in node.operands where parts[operand.node] != parts[id] {
                    kept.insert(operand.node)
                }
            }
        }
        self.parts = parts
        self.kept = kept
    }

    /// The operands and results of a node as the sweep may use them.
    ///
    /// - Parameter cotangents: Those of the node's results; at least one is not `nil`. A part is
    ///   computed again once the first of its nodes has them.
    mutating func values(
        of id: Int, cotangents: [Tensor?]
    ) -> (operands: [Tensor], results: [Tensor]) {
        let operands = graph.nodes[id].operands.map(graph.tensor)
        let results = graph.results(of: id)
        guard let index = parts[id] else { return (operands, results) }
        let copies = copies[index] ?? copy(graph.recomputedParts[index], after: cotangents)
        self.copies[index] = copies
        func standing(_ value: Tensor) -> Tensor { copies[value.value] ?? value }
        return (operands.map(standing), results.map(standing))
    }

    /// Appends the part's nodes again. Those that nobody uses do not become part of a program.
    private func copy(_ part: RecomputedPart, after cotangents: [Tensor?]) -> [Value: Tensor] {
        guard let first = cotangents.lazy.compactMap({ $0 }).first else { return [:] }
        let trigger = first.computable
        var copies = [part.input: graph.tensor(part.input).computed(after: trigger)]
        // What is computed from kept values is not kept either, so it must wait like the rest.
        var waiting: [Value: Tensor] = [:]
        for id in part.nodes {
            let node = graph.nodes[id]
            guard node.operands.contains(where: { copies[$0] != nil || waiting[$0] != nil }) else {
                continue
            }
            let results = graph.results(of: id)
            if kept.contains(id) {
                for result in results { waiting[result.value] = result.computed(after: trigger) }
                continue
            }
            let operands = node.operands.map { copies[$0] ?? waiting[$0] ?? graph.tensor($0) }
            for (result, copy) in zip(results, graph.append(node.operation, operands)) {
                copies[result.value] = copy
                if let known = part.known, known.again == result.value {
                    copies[known.value] = copy
                }
            }
        }
        return copies
    }
}

extension Tensor {
    /// The same values, which the compiler can neither compute before it has `other` nor take for
    /// this tensor; all NaN where `other`'s first element is not finite.
    ///
    /// An ``optimizationBarrier(_:)`` would say the same, but XLA's CPU compiler (f4d624b6811c)
    /// removes barriers before it looks for common subexpressions, and then finds that everything
    /// has been computed already.
    func computed(after other: Tensor) -> Tensor {
        guard elementType.isFloatingPoint, shape.elementCount > 0, other.shape.elementCount > 0
        else { return self }
        let first = (0..<other.rank).reduce(other) { $0.sliced(along: $1, 0..<1) }.reshaped([])
        return select(
            first.isFinite().broadcast(to: dimensions, along: []), self,
            graph.constant(.nan, shape))
    }

    /// This cotangent, or where it is deferred, a value that it waits for.
    fileprivate var computable: Tensor {
        isDeferred ? deferredContributions[0].last?.computable ?? self : self
    }

    private var isDeferred: Bool {
        let node = graph.nodes[id]
        return node.operation is Deferred
            || node.operation as? Binary == .add && graph.tensor(node.operands[0]).isDeferred
    }
}
