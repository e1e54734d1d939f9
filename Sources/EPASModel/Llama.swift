// LLaMA with switchable layers: the paper's Algorithm 1, lines 10 to 21.
//
// Dimensions: B batch, T sequence, D model, V vocabulary.

package import EPASArray
package import EPASConfig
package import EPASGraph

/// A LLaMA model in a graph: its parameters as tensors, its function as methods.
package struct Llama {
    package let config: ModelConfig
    /// The parameters as the program takes them, in the order of ``ModelConfig/parameters``.
    package let parameters: [Tensor]
    /// The type in which activations and products' inputs are kept.
    package let computeType: ElementType

    /// What kept probabilities may take, in bytes; see
    /// ``SharingPlan/sourcesKeepingProbabilities(bytes:bound:)``.
    package var mostKeptBytes = 1 << 30

    let embedding: Tensor
    let layers: [DecoderLayer]
    let norm: RMSNorm
    let head: Linear

    /// Adds the model's parameters to a graph as arguments, in order.
    ///
    /// - Parameters:
    ///   - computeType: `float32` or `bfloat16`.
    ///   - matrices: The format of the matrices among the arguments: `float32` for masters that are
    ///     trained, which products round to a compute type below, the compute type, or integers.
    package init(
        _ config: ModelConfig, computeType: ElementType,
        matrices: MatrixFormat = .floats(.float32), graph: Graph
    ) {
        var parameters: [Tensor] = []
        var byName: [String: [Tensor]] = [:]
        for stored in config.storedParameters(matrices) {
            let arguments = zip([stored.name, stored.name + "_scale"], stored.shapes)
                .map { graph.parameter($0, $1) }
            byName[stored.name] = arguments
            parameters += arguments
        }
        func tensor(_ name: String) -> Tensor {
            guard let tensor = byName[name]?[0] else { fatalError("no parameter \(name)") }
            return tensor
        }
        func linear(_ name: String) -> Linear {
            let weight = byName[name + ".weight"] ?? []
            return Linear(
                weight: tensor(name + ".weight"), scales: weight.count == 2 ? weight[1] : nil,
                bias: byName[name + ".bias"]?[0])
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
        head = linear(byName["lm_head.weight"] == nil ? "model.embed_tokens" : "lm_head")
    }

    /// Returns the normed final hidden states, [B, T, D], in the compute type.
    ///
    /// - Parameters:
    ///   - tokens: int32 [B, T]; positions count from 0.
    ///   - plan: Which layers reuse the activations of which.
    ///   - rematerialization: What a backward pass computes again.
    package func hiddenStates(
        _ tokens: Tensor, plan: SharingPlan, rematerialization: Rematerialization = .none
    ) -> Tensor {
        hiddenStates(tokens, plan: plan, rematerialization: rematerialization) { _, _ in }
    }

    /// Also shows each layer's activations to `visit`, shallowest layer first.
    package func hiddenStates(
        _ tokens: Tensor, plan: SharingPlan, rematerialization: Rematerialization = .none,
        visit: (Int, AttentionActivations) -> Void
    ) -> Tensor {
        let rotary = RotaryAngles(
            sequence: tokens.dimensions[1], frequencies: config.rotaryFrequencies,
            graph: tokens.graph)
        var stream = ResidualStream(x: embed(tokens), computeType: computeType)
        let keeping = plan.sourcesKeepingProbabilities(
            bytes: KeptProbabilities.byteCount(
                batch: tokens.dimensions[0], heads: config.heads, length: tokens.dimensions[1],
                computeType),
            bound: mostKeptBytes)
        var saved: [Int: ReusedActivations] = [:]
        for (index, layer) in layers.enumerated() {
            let reused = plan.sources[index].flatMap { saved[$0] }
            let activations: AttentionActivations
            (stream, activations) = layer(
                stream, positions: rotary, reusing: reused,
                keeps: keeping.contains(index),
                rematerialization: rematerialization)
            visit(index, activations)
            if plan.isSource(index) { saved[index] = activations.reusable(as: plan.kind) }
        }
        return stream.normed(by: norm).normed
    }

    /// The tokens' rows of the embedding, [B, T, D], float32 with the compute type's precision.
    private func embed(_ tokens: Tensor) -> Tensor {
        let count = tokens.shape.elementCount
        guard count > 0 else { return embedding.rows(at: tokens).converted(to: .float32) }
        return tokens.graph.apply(
            EmbeddingKernel(precision: computeType), [embedding, tokens.reshaped([count])])[0]
            .reshaped(tokens.dimensions + [config.width])
    }

    /// Returns the logits, [B, T, V], float32.
    package func logits(_ tokens: Tensor, plan: SharingPlan) -> Tensor {
        logits(ofHidden: hiddenStates(tokens, plan: plan))
    }

    /// Returns the cross-entropy of each position in nats, [B, T], float32.
    ///
    /// - Parameters:
    ///   - targets: int32 [B, T], each below V.
    ///   - rematerialization: What a backward pass computes again.
    package func losses(
        _ tokens: Tensor, targets: Tensor, plan: SharingPlan,
        rematerialization: Rematerialization = .none
    ) -> Tensor {
        let hidden = hiddenStates(tokens, plan: plan, rematerialization: rematerialization)
        guard tokens.shape.elementCount > 0,
            tokens.graph.kernels.contains(CrossEntropyKernel.target)
        else { return crossEntropy(logits: logits(ofHidden: hidden), targets: targets) }
        let count = tokens.shape.elementCount
        let operands = [
            hidden.reshaped([count, config.width]), head.values(as: computeType),
            targets.reshaped([count]),
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
