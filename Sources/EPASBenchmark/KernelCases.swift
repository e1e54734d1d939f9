// The kernels at the shapes of a model: one line for each call.
//
// Dimensions: B batch, T tokens, M = B·T rows, D model, N query heads, K key heads, H head, F
// feed-forward, V vocabulary, R rows of inference.

package import EPASArray
import EPASGraph
package import EPASModel
import EPASTraining

/// Makes the calls.
package struct KernelCases: Sendable {
    let model: ModelConfig
    /// Type of activations and products.
    let type: ElementType
    /// Sequences that are trained on at once.
    let batch: Int
    /// Tokens in a sequence, of training and of the cache that inference reads.
    let sequence: Int
    /// Sequences that get a token at once in inference.
    let rows: Int

    package init(
        _ model: ModelConfig, type: ElementType, batch: Int, sequence: Int, rows: Int
    ) {
        self.model = model
        self.type = type
        self.batch = batch
        self.sequence = sequence
        self.rows = rows
    }

    package var all: [KernelCase] { training + attention + optimizer + inference }

    private func array(_ dimensions: Int...) -> KernelOperand { .random(Shape(type, dimensions)) }
    private func float32(_ dimensions: Int...) -> KernelOperand {
        .random(Shape(.float32, dimensions))
    }
    private func indices(_ dimensions: [Int], _ value: (Int) -> Int) -> KernelOperand {
        .values(HostArray((0..<dimensions.reduce(1, *)).map { Int32(value($0)) }, dimensions))
    }

    private var training: [KernelCase] {
        let (m, d, f, v) = (batch * sequence, model.width, model.feedForward, model.vocabulary)
        let (n, k, h) = (model.heads, model.keyValueHeads, model.headDimension)
        func product(_ label: String, _ width: Int, _ out: Int) -> KernelCase {
            KernelCase(
                label, ProductKernel(transposesRight: true, resultType: type),
                [array(m, width), float32(out, width)], flops: 2 * m * width * out, pullback: [0])
        }
        let norm = RMSNormKernel(epsilon: model.normEpsilon, resultType: type)
        let angles = [float32(m, h / 2), float32(m, h / 2)]
        let targets = indices([m]) { $0 % v }
        return [
            product("query", d, n * h),
            product("key, value", d, k * h),
            product("output", n * h, d),
            product("gate, up", d, f),
            product("down", f, d),
            KernelCase(
                "loss", CrossEntropyKernel(), [array(m, d), float32(v, d), targets],
                flops: 2 * m * d * v, pullback: [0]),
            KernelCase(
                "", EmbeddingKernel(precision: type), [float32(v, d), targets],
                bytes: m * (4 + d * 8),
                pullback: [0]),
            KernelCase("first layer", norm, [float32(m, d), float32(d)], pullback: [0]),
            KernelCase(
                "", AddRMSNormKernel(epsilon: model.normEpsilon),
                [float32(m, d), array(m, d), float32(d)], pullback: [0, 1]),
            KernelCase("", SwiGLUKernel(), [array(m, f), array(m, f)], pullback: [0]),
            KernelCase("query", RotaryKernel(), [array(m, n, h)] + angles, pullback: [0]),
        ]
    }

    private var attention: [KernelCase] {
        let (n, k, h) = (model.heads, model.keyValueHeads, model.headDimension)
        let query = array(batch, sequence, n, h)
        let key = array(batch, sequence, k, h)
        // What all queries see of keys; one product's operations.
        let product = batch * n * h * sequence * (sequence + 1)
        let layer = [key, query, query]
        let forward = AttentionKernel(keepsProbabilities: true)
        // What it gives beside the output has shapes that are its own affair.
        let results = forward.shapes(of: [query, key, key])
        let logSumExp = KernelOperand.filled(0, results[1])
        let kept = KernelOperand.filled(1 / Double(sequence), results[2])
        // Half of the layers share.
        let sharing = model.layers / 2
        let layers = Array(repeating: layer, count: 1 + sharing).flatMap(\.self)
        let anew = [query, key, logSumExp]
        func shared(_ areKept: Bool) -> SharedProbabilities {
            SharedProbabilities(heads: n, areKept: areKept)
        }
        func sharedGradient(_ areKept: Bool) -> SharedAttentionGradientKernel {
            SharedAttentionGradientKernel(shared(areKept), keyValueHeads: k)
        }
        return [
            KernelCase(
                "alone", AttentionKernel(keepsProbabilities: false), [query, key, key],
                flops: 2 * product),
            KernelCase(
                "alone", AttentionGradientKernel(keepsProbabilities: false), anew + layer,
                flops: 5 * product),
            KernelCase("of \(sharing) sharing", forward, [query, key, key], flops: 2 * product),
            KernelCase(
                "of \(sharing) sharing", AttentionGradientKernel(keepsProbabilities: true),
                anew + [kept] + layers, flops: (4 + sharing) * product),
            KernelCase(
                "kept", SharedAttentionKernel(shared(true)), [kept, key], flops: product),
            KernelCase("kept", sharedGradient(true), [kept, query], flops: product),
            KernelCase(
                "anew", SharedAttentionKernel(shared(false)), anew + [key], flops: 2 * product),
            KernelCase("anew", sharedGradient(false), anew + [query], flops: 2 * product),
        ]
    }

    /// The parameters of one layer.
    private var optimizer: [KernelCase] {
        let shapes = model.parameters.filter { $0.name.hasPrefix("model.layers.0.") }
            .map { Shape(.float32, $0.dimensions) }
        let tensors = shapes.map(KernelOperand.random)
        // Second moments are squares.
        let squares = shapes.map { KernelOperand.filled(1, $0) }
        let rates = [1e-3, 1, 1, 1].map { KernelOperand.filled($0, .scalar(.float32)) }
        let adamW = AdamW(beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1)
        return [
            KernelCase("one layer", SumOfSquaresKernel(), tensors),
            KernelCase(
                "one layer", AdamWKernel(adamW, decays: shapes.map { $0.rank == 2 }),
                rates + [.values(HostArray(true))] + tensors + tensors + squares + tensors,
                bytes: 28 * shapes.reduce(0) { $0 + $1.elementCount }),
        ]
    }

    private var inference: [KernelCase] {
        let (r, d, n, h) = (rows, model.width, model.heads, model.headDimension)
        // Every row is a sequence of its own, whose blocks follow each other.
        let cache = [indices([1, r, columns]) { $0 }, indices([r]) { $0 }, position]
        let product = 2 * r * n * h * sequence
        return [
            KernelCase(
                "before logits", RMSNormKernel(epsilon: model.normEpsilon, resultType: type),
                [array(r, d), float32(d)]),
            KernelCase(
                "", AttentionProbabilitiesKernel(keyValueHeads: model.keyValueHeads, plane: 0),
                [array(r, n, h), pool] + cache, flops: product),
            KernelCase(
                "", AttentionMixKernel(plane: 0),
                [
                    .filled(1 / Double(sequence), Shape(.float32, [r, n, columns * Self.block])),
                    pool,
                ] + cache,
                flops: product),
        ] + matrices(as: type) + matrices(as: .int8)
    }

    private static let block = CachedRows.blockLength

    /// Blocks of the cache that a sequence takes.
    private var columns: Int { (sequence + Self.block - 1) / Self.block }

    /// Every row's, the last one of its sequence.
    private var position: KernelOperand { indices([rows]) { _ in sequence - 1 } }

    private var pool: KernelOperand {
        .random(Shape(type, CachedRows.poolDimensions(model, blocks: rows * columns)))
    }

    /// What inference computes with its matrices.
    private func matrices(as format: ElementType) -> [KernelCase] {
        let (r, d, f, v) = (rows, model.width, model.feedForward, model.vocabulary)
        let (n, k, h, e) =
            (model.heads, model.keyValueHeads, model.headDimension, model.normEpsilon)
        let note = format == type ? "" : format.rawValue
        func matrix(_ out: Int, _ width: Int) -> [KernelOperand] {
            guard format == .int8 else { return [array(out, width)] }
            let scales = QuantizedMatrix.scaleCount(columns: width)
            return [.random(Shape(.int8, [out, width])), float32(out, scales)]
        }
        func linear(_ label: String, _ width: Int, _ out: Int, to result: ElementType)
            -> KernelCase
        {
            // The residual is added wherever the result is not the logits.
            let residual = result == type && out == d ? [array(r, d)] : []
            return KernelCase(
                note.isEmpty ? label : "\(label), \(note)", LinearKernel(resultType: result),
                [array(r, width)] + matrix(out, width) + residual, flops: 2 * r * width * out)
        }
        let norm = float32(d)
        let angles = [float32(sequence, h / 2), float32(sequence, h / 2)]
        let places = [
            indices([2, r]) { $0 % r * columns + columns - 1 },
            indices([r]) { _ in (sequence - 1) % Self.block },
        ]
        let projections = [n * h, k * h, k * h].flatMap { matrix($0, d) }
        let inputs = AttentionInputsKernel(
            epsilon: e, hasQuery: true, keyPlane: 0, valuePlane: 1, hasBiases: false)
        return [
            KernelCase(
                note, inputs,
                [array(r, d), norm] + angles + [position, pool] + places + projections,
                flops: 2 * r * d * (n + 2 * k) * h,
                bytes: projections.reduce(0) { $0 + $1.shape.byteCount }
                    + type.byteCount * 2 * r * (d + (n + k) * h)),
            linear("output", n * h, d, to: type),
            KernelCase(
                note, GatedLinearKernel(epsilon: e, hasBiases: false),
                [array(r, d), norm] + matrix(f, d) + matrix(f, d), flops: 4 * r * d * f),
            linear("down", f, d, to: type),
            linear("logits", d, v, to: .float32),
        ]
    }
}
