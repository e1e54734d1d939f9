// AdamW with decoupled weight decay (Loshchilov & Hutter, 2019; Kingma & Ba, 2015), as a graph.

package import EPASArray
import EPASGraph

/// The optimizer's constants.
package struct AdamW: Hashable, Sendable {
    package let beta1: Double
    package let beta2: Double
    package let epsilon: Double
    /// Applied to matrices only, multiplied by the learning rate.
    package let weightDecay: Double
    /// Type in which the moments are kept: float32, or bfloat16 to save memory. They are computed
    /// in float32.
    package let momentType: ElementType

    package init(
        beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double,
        momentType: ElementType = .float32
    ) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.momentType = momentType
    }

    /// A float32 parameter with its two moments, float32 or bfloat16, all of one size.
    struct Slot {
        let parameter: Tensor
        let first: Tensor
        let second: Tensor
    }

    /// The numbers that change from step to step, float32 scalars.
    struct Rates {
        let learningRate: Tensor
        /// 1 / (1 - β₁ᵗ) and 1 / (1 - β₂ᵗ), computed by the host in double precision.
        let correction1: Tensor
        let correction2: Tensor
        /// What gradients are multiplied with.
        let scale: Tensor
    }

    /// Returns the slot after one update by a gradient of any type, in plain operations.
    func updated(_ slot: Slot, gradient: Tensor, rates: Rates, decays: Bool) -> Slot {
        let dimensions = gradient.dimensions
        func spread(_ scalar: Tensor) -> Tensor { scalar.broadcast(to: dimensions, along: []) }
        let gradient = gradient.converted(to: .float32) * spread(rates.scale)
        let first = slot.first.converted(to: .float32) * beta1 + gradient * (1 - beta1)
        let second =
            slot.second.converted(to: .float32) * beta2 + gradient * gradient * (1 - beta2)
        let corrected = second * spread(rates.correction2)
        var direction = first * spread(rates.correction1) / (sqrt(corrected) + epsilon)
        if decays, weightDecay != 0 { direction = direction + slot.parameter * weightDecay }
        return Slot(
            parameter: slot.parameter - spread(rates.learningRate) * direction,
            first: first.converted(to: slot.first.elementType),
            second: second.converted(to: slot.second.elementType))
    }

    /// The bias corrections of a step counted from 1.
    func corrections(step: Int) -> (Double, Double) {
        (1 / (1 - pow(beta1, step)), 1 / (1 - pow(beta2, step)))
    }

    /// base to a whole power, by squaring: the same on every platform, unlike the C library's.
    private func pow(_ base: Double, _ exponent: Int) -> Double {
        var (result, square, rest) = (1.0, base, exponent)
        while rest > 0 {
            if rest & 1 == 1 { result *= square }
            square *= square
            rest >>= 1
        }
        return result
    }
}
