package import EPASArray
package import EPASGraph

/// One update of AdamW of any number of tensors at once, in place.
///
/// Operands: five scalars, namely the learning rate, both bias corrections and what gradients are
/// multiplied with, float32, and whether to update, bool; then n parameters, float32, n first
/// moments, n second moments and n gradients. Moments and gradients have their parameter's shape;
/// both moments of a parameter are float32 or both bfloat16, and so are gradients. Results: the
/// parameters and moments in the same order, in the operands' memory, which is not written to where
/// there is nothing to update.
///
/// The function computes in the plain form's order; either may use fused multiply-adds, which round
/// less often. With u = 2⁻²⁴, both are within 3u of the sizes of its two terms at a first moment,
/// within 5u at a second one, and at a parameter within u of its new value and 12u of what it would
/// move by if all terms had one sign. A bfloat16 moment is then rounded once more.
package struct AdamWKernel: Kernel {
    package let optimizer: AdamW
    /// For each tensor, whether the weight decay applies to it.
    package let decays: [Bool]

    package init(_ optimizer: AdamW, decays: [Bool]) {
        self.optimizer = optimizer
        self.decays = decays
    }

    package var target: String { "epas.adamw" }
    package var settings: [String: KernelSetting] {
        [
            "beta1": .float64(optimizer.beta1), "beta2": .float64(optimizer.beta2),
            "epsilon": .float64(optimizer.epsilon),
            "weight_decay": .float64(optimizer.weightDecay),
            "decayed": .int64s(decays.indices.filter { decays[$0] }),
        ]
    }
    package var aliases: [Int: Int] {
        Dictionary(
            uniqueKeysWithValues: (0..<3 * decays.count).map { ($0, Self.scalars.count + $0) })
    }

    private static let scalars =
        [Shape](repeating: .scalar(.float32), count: 4) + [.scalar(.bool)]

    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        let (scalars, count) = (Self.scalars.count, decays.count)
        guard count > 0, operands.count == scalars + 4 * count,
            Array(operands.prefix(scalars)) == Self.scalars
        else {
            throw ShapeError(
                operation: target, operands: operands,
                requirement: "four scalars of float32 and one of bool, then \(count) parameters, "
                    + "first moments, second moments and gradients each")
        }
        let tensors = Array(operands.dropFirst(scalars))
        for index in decays.indices {
            let parameter = tensors[index]
            let others = (1...3).map { tensors[$0 * count + index] }
            guard parameter.elementType == .float32, others[0] == others[1],
                others.allSatisfy({
                    $0.dimensions == parameter.dimensions && $0.elementType.isGradientType
                })
            else {
                throw ShapeError(
                    operation: target, operands: [parameter] + others,
                    requirement: "a parameter of float32, and two moments of one type and a "
                        + "gradient, of its shape, each of float32 or bfloat16")
            }
        }
        return Array(tensors.prefix(3 * count))
    }

    package func decomposition(_ operands: [Tensor]) -> [Tensor] {
        let rates = AdamW.Rates(
            learningRate: operands[0], correction1: operands[1], correction2: operands[2],
            scale: operands[3])
        let (finite, tensors) = (operands[4], operands.dropFirst(Self.scalars.count))
        let parts = (0..<4).map { part in
            Array(tensors.dropFirst(part * decays.count).prefix(decays.count))
        }
        let slots = decays.indices.map { index in
            let slot = AdamW.Slot(
                parameter: parts[0][index], first: parts[1][index], second: parts[2][index])
            let updated = optimizer.updated(
                slot, gradient: parts[3][index], rates: rates, decays: decays[index])
            let keep = finite.broadcast(to: slot.parameter.dimensions, along: [])
            return AdamW.Slot(
                parameter: select(keep, updated.parameter, slot.parameter),
                first: select(keep, updated.first, slot.first),
                second: select(keep, updated.second, slot.second))
        }
        return slots.map(\.parameter) + slots.map(\.first) + slots.map(\.second)
    }

    /// Updates slots by their gradients, one of each for every entry of ``decays``.
    ///
    /// - Parameter updates: A scalar, bool; where it is false every slot stays as it is.
    func callAsFunction(
        _ slots: [AdamW.Slot], gradients: [Tensor], rates: AdamW.Rates, updates: Tensor
    ) -> [AdamW.Slot] {
        let scalars = [
            rates.learningRate, rates.correction1, rates.correction2, rates.scale, updates,
        ]
        let tensors = slots.map(\.parameter) + slots.map(\.first) + slots.map(\.second) + gradients
        let results = updates.graph.apply(self, scalars + tensors)
        let count = slots.count
        return slots.indices.map {
            AdamW.Slot(
                parameter: results[$0], first: results[count + $0],
                second: results[2 * count + $0])
        }
    }
}
