// The root mean square norm, of rows: one token of some sequence in each.
//
// Dimensions: M rows, D model. E is float32 or bfloat16.

package import EPASArray
package import EPASGraph

/// y = x / √(mean(x²) + ε) · w for each row, computed in float32 (Zhang & Sennrich, 2019). A row's
/// result does not depend on how many rows there are or on what the others hold: see CPUKernels.
///
/// Operands: x [M, D] of type E or float32 and the weight [D], float32. Result: [M, D] of type E.
package struct RMSNormKernel: Kernel {
    package let epsilon: Double
    /// E.
    package let resultType: ElementType

    package init(epsilon: Double, resultType: ElementType) {
        self.epsilon = epsilon
        self.resultType = resultType
    }

    package var target: String { "epas.rms_norm" }
    package var settings: [String: KernelSetting] { ["epsilon": .float32(Float(epsilon))] }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard operands.count == 2, operands[0].isRows(rank: 2),
            operands[1] == Shape(.float32, [operands[0].dimensions[1]]),
            resultType == operands[0].elementType || resultType == .bfloat16
        else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "rows x [M, D] of \(Shape.rowTypes), a weight [D] of float32, and a "
                    + "result of the type of x or of bfloat16, not \(resultType)")
        }
        return [operands[0].with(resultType)]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        [RMSNorm(weight: operands[1], epsilon: epsilon).plain(operands[0], as: resultType)]
    }

    package func pullback(
        _ cotangents: [Tensor?], results: [Tensor], operands: [Tensor]
    ) -> [Tensor?] {
        guard let dy = cotangents[0] else { return [nil, nil] }
        let found = RMSNormGradientKernel.apply(
            epsilon: epsilon, x: operands[0].converted(to: .float32), weight: operands[1], dy: dy,
            passed: nil)
        return [found.x.converted(to: operands[0].elementType), found.weight]
    }
}

/// The norm of a sum, and the sum: h = x + a and y = h / √(mean(h²) + ε) · w.
///
/// The sum is a residual stream, which is float32 whatever E is: rounded at each layer, it would
/// lose what layers add to it, and its cotangents likewise.
///
/// Operands: x [M, D], float32, a [M, D] of type E, and the weight [D], float32. Results: h,
/// float32, and y of type E, both [M, D].
package struct AddRMSNormKernel: Kernel {
    package let epsilon: Double

    package init(epsilon: Double) {
        self.epsilon = epsilon
    }

    package var target: String { "epas.add_rms_norm" }
    package var settings: [String: KernelSetting] { ["epsilon": .float32(Float(epsilon))] }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        guard operands.count == 3, operands[1].isRows(rank: 2),
            operands[0] == operands[1].with(.float32),
            operands[2] == Shape(.float32, [operands[1].dimensions[1]])
        else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "rows x [M, D] of float32, as many to add of \(Shape.rowTypes), and "
                    + "a weight [D] of float32")
        }
        return [operands[0], operands[1]]
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let h = operands[0] + operands[1].converted(to: .float32)
        let norm = RMSNorm(weight: operands[2], epsilon: epsilon)
        return [h, norm.plain(h, as: operands[1].elementType)]
    }

    /// Both terms of the sum get what passes the norm by and what passes through it.
    package func pullback(
        _ cotangents: [Tensor?], results: [Tensor], operands: [Tensor]
    ) -> [Tensor?] {
        guard let dy = cotangents[1] else {
            let dh = cotangents[0]
            return [dh, dh?.converted(to: operands[1].elementType), nil]
        }
        let found = RMSNormGradientKernel.apply(
            epsilon: epsilon, x: results[0], weight: operands[2], dy: dy, passed: cotangents[0])
        return [found.x, found.rounded, found.weight]
    }
}

/// The derivative of the root mean square norm, and of a path beside it: with r = 1 / √(mean(x²) + ε)
/// and g = dy ∘ w, it is dx = r g - x r³ mean(g ∘ x) + dh by x and Σ dy ∘ x r by the weight.
///
/// Operands: x [M, D], float32, the weight [D], float32, then terms of dy, the cotangent of the
/// norm, [M, D] of type E, and terms of dh, what x gets beside it, each like x; they are added up in
/// float32. Results: dx, like x, the weight's derivative, float32, and where E is bfloat16 dx
/// rounded to it.
package struct RMSNormGradientKernel: Kernel {
    package let epsilon: Double
    /// How many terms dy has: the first ones.
    package let resultTerms: Int

    package init(epsilon: Double, resultTerms: Int) {
        self.epsilon = epsilon
        self.resultTerms = resultTerms
    }

    /// The derivatives by x, also in the type of dy, and by the weight.
    fileprivate static func apply(
        epsilon: Double, x: Tensor, weight: Tensor, dy: Tensor, passed: Tensor?
    ) -> (x: Tensor, rounded: Tensor, weight: Tensor) {
        let terms = dy.terms(atMost: Shape.mostTerms)
        let others = passed?.terms(atMost: Shape.mostTerms) ?? []
        let kernel = RMSNormGradientKernel(epsilon: epsilon, resultTerms: terms.count)
        let results = x.graph.apply(kernel, [x, weight] + terms + others)
        return (results[0], results.count == 3 ? results[2] : results[0], results[1])
    }

    package var target: String { "epas.rms_norm_gradient" }
    package var settings: [String: KernelSetting] {
        ["epsilon": .float32(Float(epsilon)), "results": .int32(Int32(resultTerms))]
    }

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        let terms = operands.dropFirst(2)
        guard let dy = terms.first, dy.isRows(rank: 2), operands[0] == dy.with(.float32),
            operands[1] == Shape(.float32, [dy.dimensions[1]]),
            (1...Shape.mostTerms).contains(resultTerms),
            (resultTerms...resultTerms + Shape.mostTerms).contains(terms.count),
            terms.prefix(resultTerms).allSatisfy({ $0 == dy }),
            terms.dropFirst(resultTerms).allSatisfy({ $0 == operands[0] })
        else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "rows x [M, D] and a weight [D] of float32, 1 to "
                    + "\(Shape.mostTerms) cotangents [M, D] of the norm, here \(resultTerms), of "
                    + "\(Shape.rowTypes), and up to \(Shape.mostTerms) like x that pass it by")
        }
        return operands.prefix(2) + (dy.elementType == .float32 ? [] : [dy])
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let x = operands[0].stopGradient()
        let weight = operands[1].stopGradient()
        let terms = operands.dropFirst(2).map { $0.converted(to: .float32) }
        let y = RMSNorm(weight: weight, epsilon: epsilon).plain(x, as: .float32)
        let outputs = terms.prefix(resultTerms).map { (tensor: y, cotangent: $0) }
        let found = gradients(of: outputs, withRespectTo: [x, weight]).compactMap(\.self)
        let dx = terms.dropFirst(resultTerms).reduce(found[0], +)
        let type = operands[2].elementType
        return [dx, found[1]] + (type == .float32 ? [] : [dx.converted(to: type)])
    }
}

extension Shape {
    /// Whether this is a batch of rows that the kernels take: at least one element, float32 or
    /// bfloat16.
    func isRows(rank: Int) -> Bool {
        self.rank == rank && elementCount > 0
            && (elementType == .float32 || elementType == .bfloat16)
    }

    /// For error texts.
    static let rowTypes = "float32 or bfloat16, at least one row"

    /// The most cotangents that a kernel adds up.
    static let mostTerms = 8
}
