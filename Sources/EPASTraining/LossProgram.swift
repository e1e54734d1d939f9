package import EPASArray
import EPASGraph
package import EPASModel

/// Builds the text of programs that run a model without training it.
///
/// Arguments, in order: the parameters, then the tokens.
package struct LossProgram: Sendable {
    package let model: ModelConfig
    package let plan: SharingPlan
    package let computeType: ElementType
    /// How matrices are passed; see ``Llama/init(_:computeType:matrices:graph:)``.
    package let matrices: MatrixFormat
    /// The kernels that the plugin has; see ``Graph/kernels``.
    package let kernels: Set<String>

    package init(
        model: ModelConfig, plan: SharingPlan, computeType: ElementType,
        matrices: MatrixFormat = .floats(.float32), kernels: Set<String> = []
    ) {
        self.model = model
        self.plan = plan
        self.computeType = computeType
        self.matrices = matrices
        self.kernels = kernels
    }

    /// The sum over a batch of the next-token loss in nats and the number of correct first guesses.
    ///
    /// Tokens are int32 [batch, sequence + 1]; results are two float32 scalars.
    package func evaluate(batch: Int, sequence: Int) -> String {
        let graph = Graph(kernels: kernels)
        let llama = Llama(model, computeType: computeType, matrices: matrices, graph: graph)
        let tokens = graph.parameter("tokens", Shape(.int32, [batch, sequence + 1]))
        let logits = llama.logits(tokens.sliced(along: 1, 0..<sequence), plan: plan)
        let targets = tokens.sliced(along: 1, 1..<sequence + 1)
        let loss = crossEntropy(logits: logits, targets: targets).sum(over: [0, 1])
        return graph.program(
            named: "evaluate",
            returning: [loss, correctGuesses(logits: logits, targets: targets)])
    }

    /// The loss, the logits and optionally every gradient, as `epas inspect` writes them.
    ///
    /// Tokens are int32 [batch, sequence]: position t predicts token t+1, the last one nothing.
    /// Results: the loss, the logits [batch, sequence, V], then one gradient per parameter, zero
    /// for an idle one.
    package func inspect(batch: Int, sequence: Int, gradients wanted: Bool) -> String {
        let graph = Graph(kernels: kernels)
        let llama = Llama(model, computeType: computeType, matrices: matrices, graph: graph)
        let tokens = graph.parameter("tokens", Shape(.int32, [batch, sequence]))
        let logits = llama.logits(tokens, plan: plan)
        let loss = crossEntropy(
            logits: logits.sliced(along: 1, 0..<sequence - 1),
            targets: tokens.sliced(along: 1, 1..<sequence)
        ).mean(over: [0, 1])
        var results = [loss, logits]
        if wanted {
            let found = gradients(of: loss, withRespectTo: llama.parameters)
            results += zip(llama.parameters, found).map { $1 ?? graph.constant(0, $0.shape) }
        }
        return graph.program(named: "inspect", returning: results)
    }

    /// Counts positions whose target has the largest logit; a tie counts if the target is in it.
    private func correctGuesses(logits: Tensor, targets: Tensor) -> Tensor {
        let classes = logits.graph.iota(logits.shape.with(.int32), along: 2)
        let chosen = classes.compared(
            .equal, to: targets.broadcast(to: logits.dimensions, along: [0, 1]))
        let nothing = logits.graph.constant(-Double.infinity, logits.shape)
        let target = select(chosen, logits, nothing).max(over: [2])
        return target.compared(.equal, to: logits.max(over: [2])).converted(to: .float32)
            .sum(over: [0, 1])
    }
}
