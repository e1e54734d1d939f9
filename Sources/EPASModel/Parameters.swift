package import EPASArray

/// One parameter of a model: the name and layout that Hugging Face checkpoints have.
package struct ParameterSpecification: Hashable, Sendable {
    /// Such as `model.layers.3.self_attn.q_proj.weight`.
    package let name: String
    /// Matrices are [out, in].
    package let dimensions: [Int]
    package let role: Role

    package enum Role: Hashable, Sendable {
        /// A matrix, initialized from a normal distribution and subject to weight decay.
        case matrix
        /// The scale of an RMSNorm, initialized to one, not decayed.
        case norm
    }

    /// The parameter's shape when stored as `elementType`.
    package func shape(_ elementType: ElementType) -> Shape { Shape(elementType, dimensions) }

    package var elementCount: Int { dimensions.reduce(1, *) }
}

/// The projections of a decoder layer that sharing can leave idle.
package enum Projection: String, Sendable, CaseIterable {
    case query = "q_proj"
    case key = "k_proj"
    case value = "v_proj"
}

extension ModelConfig {
    /// Every parameter, in the order in which programs take them.
    package var parameters: [ParameterSpecification] {
        func matrix(_ name: String, _ rows: Int, _ columns: Int) -> ParameterSpecification {
            ParameterSpecification(name: name, dimensions: [rows, columns], role: .matrix)
        }
        func norm(_ name: String) -> ParameterSpecification {
            ParameterSpecification(name: name, dimensions: [width], role: .norm)
        }
        let query = heads * headDimension
        let keyValue = keyValueHeads * headDimension
        var all = [matrix("model.embed_tokens.weight", vocabulary, width)]
        for layer in 0..<layers {
            let prefix = "model.layers.\(layer)."
            all += [
                norm(prefix + "input_layernorm.weight"),
                matrix(Self.projection(.query, layer: layer), query, width),
                matrix(Self.projection(.key, layer: layer), keyValue, width),
                matrix(Self.projection(.value, layer: layer), keyValue, width),
                matrix(prefix + "self_attn.o_proj.weight", width, query),
                norm(prefix + "post_attention_layernorm.weight"),
                matrix(prefix + "mlp.gate_proj.weight", feedForward, width),
                matrix(prefix + "mlp.up_proj.weight", feedForward, width),
                matrix(prefix + "mlp.down_proj.weight", width, feedForward),
            ]
        }
        all.append(norm("model.norm.weight"))
        if !tiedEmbeddings { all.append(matrix("lm_head.weight", vocabulary, width)) }
        return all
    }

    /// The name of a projection's weight.
    package static func projection(_ projection: Projection, layer: Int) -> String {
        "model.layers.\(layer).self_attn.\(projection.rawValue).weight"
    }

    /// Names of the parameters that a plan leaves idle: they take no part in the computation, have
    /// no gradient, and the optimizer leaves them and their moments as they are.
    package func idleParameters(under plan: SharingPlan) -> Set<String> {
        let projections: [Projection] =
            switch plan.kind {
            case .queryKey, .scores: [.query, .key]
            case .keyValue: [.key, .value]
            }
        return Set(
            plan.sources.keys.flatMap { layer in
                projections.map { Self.projection($0, layer: layer) }
            })
    }

    /// Number of scalars in all parameters.
    package var parameterCount: Int { parameters.reduce(0) { $0 + $1.elementCount } }
}
