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
        /// What a projection adds, initialized to zero, not decayed.
        case bias
    }

    /// The parameter's shape when stored as `elementType`.
    package func shape(_ elementType: ElementType) -> Shape { Shape(elementType, dimensions) }

    /// The parameter's shape on the device when matrices are held as `elementType`; norms and
    /// biases, which take no room to speak of, are held as float32.
    package func shape(matricesAs elementType: ElementType) -> Shape {
        shape(role == .matrix ? elementType : .float32)
    }

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
        func projection(
            _ name: String, _ rows: Int, _ columns: Int, bias: Bool
        ) -> [ParameterSpecification] {
            let weight = matrix(name + ".weight", rows, columns)
            guard bias else { return [weight] }
            return [
                weight,
                ParameterSpecification(name: name + ".bias", dimensions: [rows], role: .bias),
            ]
        }
        let query = heads * headDimension
        let keyValue = keyValueHeads * headDimension
        var all = [matrix("model.embed_tokens.weight", vocabulary, width)]
        for layer in 0..<layers {
            let prefix = "model.layers.\(layer)."
            func attention(_ name: String, _ rows: Int, _ columns: Int) -> [ParameterSpecification]
            {
                projection(prefix + "self_attn." + name, rows, columns, bias: attentionBias)
            }
            func inner(_ name: String, _ rows: Int, _ columns: Int) -> [ParameterSpecification] {
                projection(prefix + "mlp." + name, rows, columns, bias: feedForwardBias)
            }
            all.append(norm(prefix + "input_layernorm.weight"))
            all += attention(Projection.query.rawValue, query, width)
            all += attention(Projection.key.rawValue, keyValue, width)
            all += attention(Projection.value.rawValue, keyValue, width)
            all += attention("o_proj", width, query)
            all.append(norm(prefix + "post_attention_layernorm.weight"))
            all += inner("gate_proj", feedForward, width)
            all += inner("up_proj", feedForward, width)
            all += inner("down_proj", width, feedForward)
        }
        all.append(norm("model.norm.weight"))
        if !tiedEmbeddings { all.append(matrix("lm_head.weight", vocabulary, width)) }
        return all
    }

    /// The name of a projection's weight.
    package static func projection(_ projection: Projection, layer: Int) -> String {
        "model.layers.\(layer).self_attn.\(projection.rawValue).weight"
    }

    /// The names of everything that belongs to a projection.
    private func names(of projection: Projection, layer: Int) -> [String] {
        let weight = Self.projection(projection, layer: layer)
        return attentionBias ? [weight, weight.dropLast("weight".count) + "bias"] : [weight]
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
                projections.flatMap { names(of: $0, layer: layer) }
            })
    }

    /// Number of scalars in all parameters.
    package var parameterCount: Int { parameters.reduce(0) { $0 + $1.elementCount } }
}
