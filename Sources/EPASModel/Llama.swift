// LLaMA with switchable layers: the paper's Algorithm 1, lines 10 to 21.
//
// Dimensions: B batch, T sequence, D model, V vocabulary.

package import EPASArray
package import EPASGraph

/// A LLaMA model in a graph: its parameters as tensors, its function as methods.
package struct Llama {
    package let config: ModelConfig
    /// The parameters as the program takes them, in the order of ``ModelConfig/parameters``.
    package let parameters: [Tensor]
    /// The type in which activations and products' inputs are kept.
    package let computeType: ElementType

    let embedding: Tensor
    let layers: [DecoderLayer]
    let norm: RMSNorm
    let head: Linear

    /// Adds the model's parameters to a graph as arguments, in order.
    ///
    /// - Parameters:
    ///   - computeType: `float32` or `bfloat16`.
    ///   - matrices: The type of the matrices among the arguments: `float32` for masters that are
    ///     trained, which products round to a compute type below, or the compute type. The other arguments are float32.
    package init(
        _ config: ModelConfig, computeType: ElementType, matrices: ElementType = .float32,
        graph: Graph
    ) {
        let specifications = config.parameters
        let parameters = specifications.map {
            graph.parameter($0.name, $0.shape(matricesAs: matrices))
        }
        let byName = Dictionary(uniqueKeysWithValues: zip(specifications.map(\.name), parameters))
        func tensor(_ name: String) -> Tensor {
            guard let tensor = byName[name] else { fatalError("no parameter \(name)") }
            return tensor
        }
        func linear(_ name: String) -> Linear {
            Linear(
                weight: tensor(name + ".weight"),
                bias: byName[name + ".bias"])
        }
        func norm(_ name: String) -> RMSNorm {
            RMSNorm(weight: tensor(name + ".weight"), epsilon: config.normEpsilon)
        }
        self.config = config
        self.parameters = parameters
        self.computeType = computeType
        embedding = tensor("model.embed_tokens.weight")
        layers = (0..<config.layers).map { layer in
            let prefix = "model.layers.\(layer)."
            return DecoderLayer(
                attentionNorm: norm(prefix + "input_layernorm"),
                attention: Attention(
                    query: linear(prefix + "self_attn.q_proj"),
                    key: linear(prefix + "self_attn.k_proj"),
                    value: linear(prefix + "self_attn.v_proj"),
                    output: linear(prefix + "self_attn.o_proj"),
                    heads: config.heads, keyValueHeads: config.keyValueHeads,
                    headDimension: config.headDimension),
                feedForwardNorm: norm(prefix + "post_attention_layernorm"),
                feedForward: FeedForward(
                    gate: linear(prefix + "mlp.gate_proj"), up: linear(prefix + "mlp.up_proj"),
                    down: linear(prefix + "mlp.down_proj")))
        }
        self.norm = norm("model.norm")
        head = linear(config.tiedEmbeddings ? "model.embed_tokens" : "lm_head")
    }

    /// Returns the normed final hidden states, [B, T, D], in the compute type.
    ///
    /// - Parameters:
    ///   - tokens: int32 [B, T]; positions count from 0.
    ///   - plan: Which layers reuse the activations of which.
    package func hiddenStates(_ tokens: Tensor, plan: SharingPlan) -> Tensor {
        hiddenStates(tokens, plan: plan) { _, _ in }
    }

    /// Also shows each layer's activations to `visit`, shallowest layer first.
    package func hiddenStates(
        _ tokens: Tensor, plan: SharingPlan, visit: (Int, AttentionActivations) -> Void
    ) -> Tensor {
        let rotary = RotaryAngles(
            sequence: tokens.dimensions[1], frequencies: config.rotaryFrequencies,
            graph: tokens.graph)
        var x = embedding.rows(at: tokens).converted(to: computeType)
        var saved: [Int: ReusedActivations] = [:]
        for (index, layer) in layers.enumerated() {
            let reused = plan.sources[index].flatMap { saved[$0] }
            let activations: AttentionActivations
            (x, activations) = layer(
                x, positions: rotary, reusing: reused,
                lends: plan.isSource(index) && plan.kind != .keyValue)
            visit(index, activations)
            if plan.isSource(index) { saved[index] = activations.reusable(as: plan.kind) }
        }
        return norm(x)
    }

    /// Returns the logits, [B, T, V], float32.
    package func logits(_ tokens: Tensor, plan: SharingPlan) -> Tensor {
        logits(ofHidden: hiddenStates(tokens, plan: plan))
    }

    /// Returns the cross-entropy of each position in nats, [B, T], float32.
    ///
    /// - Parameter targets: int32 [B, T], each below V.
    package func losses(_ tokens: Tensor, targets: Tensor, plan: SharingPlan) -> Tensor {
        let hidden = hiddenStates(tokens, plan: plan)
        guard tokens.shape.elementCount > 0,
            tokens.graph.kernels.contains(CrossEntropyKernel.target)
        else { return crossEntropy(logits: logits(ofHidden: hidden), targets: targets) }
        let count = tokens.shape.elementCount
        let operands = [
            hidden.reshaped([count, config.width]), head.weight, targets.reshaped([count]),
        ]
        return tokens.graph.apply(CrossEntropyKernel(), operands)[0].reshaped(tokens.dimensions)
    }

    /// Projects hidden states [..., D] to logits [..., V], float32.
    package func logits(ofHidden hidden: Tensor) -> Tensor {
        head.product(hidden)
    }
}

/// Returns the cross-entropy of each position in nats, [..].
///
/// - Parameters:
///   - logits: float32 [.., V].
///   - targets: int32 [..], each below V.
package func crossEntropy(logits: Tensor, targets: Tensor) -> Tensor {
    let last = logits.rank - 1
    let kept = Array(0..<last)
    // Both terms are taken relative to the largest logit: neither overflow nor cancellation.
    let largest = logits.max(over: [last]).stopGradient()
    let shifted = logits - largest.broadcast(to: logits.dimensions, along: kept)
    let classes = logits.graph.iota(logits.shape.with(.int32), along: last)
    let chosen = classes.compared(
        .equal, to: targets.broadcast(to: logits.dimensions, along: kept))
    let target = select(chosen, shifted, shifted.filled(with: 0)).sum(over: [last])
    return log(exp(shifted).sum(over: [last])) - target
}
