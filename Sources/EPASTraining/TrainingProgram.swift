// The device programs of training, one set per sharing plan.
//
// Arguments, in order (n parameters):
//   step        parameters n, first moments n, second moments n | rates 3, tokens [B, T+1]
//   accumulate  loss sum, gradient sums | parameters n | tokens [B, T+1]
//   apply       parameters n, moments 2n, loss sum, gradient sums | rates 3
// Donated before the first bar. Results: the donated arguments anew, except that `step` and
// `apply` end with the loss and the gradient norm, and that `apply` does not return the sums.
//
// Idle parameters and their moments pass through `step` untouched: no operation reads or writes
// them, so they keep their bits.

package import EPASArray
package import EPASConfig
import EPASGraph
package import EPASModel

/// Builds the text of training programs.
package struct TrainingProgram: Sendable {
    package let model: ModelConfig
    package let plan: SharingPlan
    /// The type of activations and products: float32 or bfloat16. Masters, moments, norms, the
    /// softmax, the loss and sums are float32.
    package let computeType: ElementType
    /// Sequences in a device batch, B.
    package let batch: Int
    /// Tokens in a sequence, T.
    package let sequence: Int
    package let optimizer: AdamW
    /// The largest gradient norm; gradients above it are scaled down to it. `nil` scales nothing.
    package let clip: Double?
    /// The kernels that the plugin has; see ``Graph/kernels``.
    package let kernels: Set<String>
    /// What the backward pass computes again; changes memory and time, not results.
    package let rematerialization: Rematerialization
    /// What kept probabilities of all layers may take, in bytes.
    package let mostKeptBytes: Int

    package init(
        model: ModelConfig, plan: SharingPlan, computeType: ElementType, batch: Int, sequence: Int,
        optimizer: AdamW, clip: Double?, kernels: Set<String> = [],
        rematerialization: Rematerialization = .none, mostKeptBytes: Int = 1 << 30
    ) {
        self.model = model
        self.plan = plan
        self.computeType = computeType
        self.batch = batch
        self.sequence = sequence
        self.optimizer = optimizer
        self.clip = clip
        self.kernels = kernels
        self.rematerialization = rematerialization
        self.mostKeptBytes = mostKeptBytes
    }

    /// Parameters with a gradient under the plan, by their index in ``ModelConfig/parameters``.
    package var active: [Int] {
        let idle = model.idleParameters(under: plan)
        return model.parameters.enumerated().filter { !idle.contains($0.element.name) }.map(
            \.offset)
    }

    /// One whole step on one batch.
    package func step() -> String {
        let graph = Graph(kernels: kernels)
        let llama = Llama(model, computeType: computeType, graph: graph)
        let slots = slots(llama)
        let rates = rates(graph)
        let (loss, gradients) = lossAndGradients(llama, tokens: tokens(graph))
        let updated = update(slots, gradients: gradients, loss: loss, batches: 1, rates: rates)
        let donated = 3 * llama.parameters.count
        return graph.program(
            named: "step", returning: updated,
            donating: Dictionary(uniqueKeysWithValues: (0..<donated).map { ($0, $0) }))
    }

    /// Adds one batch's loss and gradients to the sums.
    package func accumulate() -> String {
        let graph = Graph(kernels: kernels)
        let sums = sums(graph)
        let llama = Llama(model, computeType: computeType, graph: graph)
        let (loss, gradients) = lossAndGradients(llama, tokens: tokens(graph))
        let results = zip(sums, [loss] + gradients).map { $0 + $1 }
        return graph.program(
            named: "accumulate", returning: results,
            donating: Dictionary(uniqueKeysWithValues: results.indices.map { ($0, $0) }))
    }

    /// Updates the parameters by the mean of the accumulated batches.
    ///
    /// - Parameter accumulation: The number of batches in the sums.
    package func apply(accumulation: Int) -> String {
        let graph = Graph(kernels: kernels)
        let llama = Llama(model, computeType: computeType, graph: graph)
        let slots = slots(llama)
        let sums = sums(graph)
        let updated = update(
            slots, gradients: Array(sums.dropFirst()), loss: sums[0] / Double(accumulation),
            batches: accumulation, rates: rates(graph))
        let donated = 3 * llama.parameters.count
        return graph.program(
            named: "apply", returning: updated,
            donating: Dictionary(uniqueKeysWithValues: (0..<donated).map { ($0, $0) }))
    }

    /// The shapes of the sums: the loss, then the gradient of every active parameter.
    package var sumShapes: [Shape] {
        let parameters = model.parameters
        return [.scalar(.float32)] + active.map { parameters[$0].shape(.float32) }
    }

    private func sums(_ graph: Graph) -> [Tensor] {
        sumShapes.enumerated().map { graph.parameter("sum.\($0.offset)", $0.element) }
    }

    private func tokens(_ graph: Graph) -> Tensor {
        graph.parameter("tokens", Shape(.int32, [batch, sequence + 1]))
    }

    private func rates(_ graph: Graph) -> [Tensor] {
        ["learning_rate", "correction_1", "correction_2"].map {
            graph.parameter($0, .scalar(.float32))
        }
    }

    private func slots(_ llama: Llama) -> [AdamW.Slot] {
        func moments(_ prefix: String) -> [Tensor] {
            zip(model.parameters, llama.parameters).map {
                $1.graph.parameter("\(prefix).\($0.name)", $1.shape.with(optimizer.momentType))
            }
        }
        let first = moments("first")
        let second = moments("second")
        return llama.parameters.indices.map {
            AdamW.Slot(parameter: llama.parameters[$0], first: first[$0], second: second[$0])
        }
    }

    /// The mean next-token loss of a batch and its gradient for every active parameter.
    private func lossAndGradients(_ llama: Llama, tokens: Tensor) -> (Tensor, [Tensor]) {
        let inputs = tokens.sliced(along: 1, 0..<sequence)
        let targets = tokens.sliced(along: 1, 1..<sequence + 1)
        var llama = llama
        llama.mostKeptBytes = mostKeptBytes
        let loss = llama.losses(
            inputs, targets: targets, plan: plan, rematerialization: rematerialization
        ).mean(over: [0, 1])
        let active = active
        let gradients = gradients(
            of: loss, withRespectTo: active.map { llama.parameters[$0] })
        return (
            loss,
            zip(active, gradients).map { index, gradient in
                guard let gradient else {
                    fatalError("\(model.parameters[index].name) has no gradient under \(plan)")
                }
                return gradient
            }
        )
    }

    /// Clips, updates every active slot, and returns the program's results. A loss or gradient norm
    /// that is not finite leaves every slot as it was.
    ///
    /// - Parameters:
    ///   - gradients: Of the active parameters, summed over batches.
    ///   - loss: The batches' mean.
    ///   - batches: How many batches the gradients are sums over.
    ///   - rates: The learning rate and both bias corrections.
    private func update(
        _ slots: [AdamW.Slot], gradients: [Tensor], loss: Tensor, batches: Int, rates: [Tensor]
    ) -> [Tensor] {
        let graph = loss.graph
        // What products in a narrower type gave is read as such.
        let gradients = gradients.map(\.unwidened)
        let norm = sqrt(graph.apply(SumOfSquaresKernel(), gradients)[0]) / Double(batches)
        var scale = graph.constant(1, .scalar(.float32))
        // As PyTorch's clip_grad_norm_: the small constant keeps a zero norm divisible.
        if let clip { scale = min(scale, clip / (norm + 1e-6)) }
        let kernel = AdamWKernel(
            optimizer, decays: active.map { model.parameters[$0].role == .matrix })
        let updated = kernel(
            active.map { slots[$0] }, gradients: gradients,
            rates: AdamW.Rates(
                learningRate: rates[0], correction1: rates[1], correction2: rates[2],
                scale: scale / Double(batches)),
            updates: loss.isFinite() & norm.isFinite())
        var slots = slots
        for (index, slot) in zip(active, updated) { slots[index] = slot }
        return slots.map(\.parameter) + slots.map(\.first) + slots.map(\.second) + [loss, norm]
    }
}
