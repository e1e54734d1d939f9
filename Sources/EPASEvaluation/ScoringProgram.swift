package import EPASArray
package import EPASGraph
package import EPASModel

/// Builds the text of the program that scores targets under several plans at once.
///
/// Arguments, in order: the parameters; the tokens, int32 [batch, sequence]; for each target the
/// place of the token that predicts it, row · sequence + position, int32 [targets]; the targets,
/// int32 [targets]. Results, for each plan: the targets' log-probabilities in nats and 1 where the
/// target was the most likely token (of equally likely ones the first), else 0, float32 [targets].
///
/// Layers in which plans agree are computed once: the graph merges equal operations.
package struct ScoringProgram: Sendable {
    package let model: ModelConfig
    package let plans: [SharingPlan]
    package let computeType: ElementType
    /// How matrices are passed; see ``Llama/init(_:computeType:matrices:graph:)``.
    package let matrices: MatrixFormat

    /// Logits that exist at the same time, which bounds the memory they take.
    private static let logitCount = 1 << 24

    package init(
        model: ModelConfig, plans: [SharingPlan], computeType: ElementType, matrices: MatrixFormat
    ) {
        self.model = model
        self.plans = plans
        self.computeType = computeType
        self.matrices = matrices
    }

    package func text(batch: Int, sequence: Int, targets: Int) -> String {
        let graph = Graph()
        let results = results(batch: batch, sequence: sequence, targets: targets, graph: graph)
        return graph.program(named: "score", returning: results)
    }

    /// Adds the program to a graph.
    package func results(batch: Int, sequence: Int, targets count: Int, graph: Graph) -> [Tensor] {
        let llama = Llama(model, computeType: computeType, matrices: matrices, graph: graph)
        let tokens = graph.parameter("tokens", Shape(.int32, [batch, sequence]))
        let places = graph.parameter("places", Shape(.int32, [count]))
        let targets = graph.parameter("targets", Shape(.int32, [count]))
        let step = max(1, Self.logitCount / model.vocabulary)
        return plans.flatMap { plan -> [Tensor] in
            let hidden = llama.hiddenStates(tokens, plan: plan)
                .reshaped([batch * sequence, model.width])
            var scores = graph.constant(0, Shape(.float32, [count]))
            var greedy = scores
            for start in stride(from: 0, to: count, by: step) {
                let part = start..<min(count, start + step)
                let logits = llama.logits(
                    ofHidden: hidden.rows(at: places.sliced(along: 0, part)))
                let wanted = targets.sliced(along: 0, part)
                let score = -crossEntropy(logits: logits, targets: wanted)
                let isGreedy = firstOfLargest(logits).compared(.equal, to: wanted)
                    .converted(to: .float32)
                if part.count == count { return [score, isGreedy] }
                let at = [graph.constant(Double(start), .scalar(.int32))]
                scores = scores.dynamicUpdateSlice(score, at: at)
                greedy = greedy.dynamicUpdateSlice(isGreedy, at: at)
            }
            return [scores, greedy]
        }
    }

    /// The index of each row's largest value, int32 [N], of float32 [N, V].
    private func firstOfLargest(_ logits: Tensor) -> Tensor {
        let largest = logits.max(over: [1]).broadcast(to: logits.dimensions, along: [0])
        let classes = logits.graph.iota(logits.shape.with(.int32), along: 1)
        let behind = logits.graph.constant(Double(model.vocabulary), classes.shape)
        let candidates = select(logits.compared(.equal, to: largest), classes, behind)
        return candidates.min(over: [1])
    }
}
