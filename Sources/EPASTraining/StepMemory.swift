import EPASRuntime

extension HostMemory {
    /// What probabilities that are kept for other layers may take: an eighth of the machine's
    /// memory. Not of what is free at the moment: a run that is resumed must choose the same.
    package static let mostKeptBytes = totalBytes.map { $0 / 8 } ?? 1 << 30
}

/// The device memory that training steps of one plan need, in bytes, as the compiler planned it.
package struct StepMemory: Hashable, Sendable {
    /// The float32 weights and AdamW's moments, which stay from step to step.
    package let state: Int
    /// What a step takes besides and gives back: activations, gradients, sums over accumulated
    /// batches, weights in the compute type, the batch.
    package let temporary: Int

    package init(state: Int, temporary: Int) {
        self.state = state
        self.temporary = temporary
    }

    /// In words.
    package var text: String {
        "weights and moments \(Self.text(state)), activations and other temporary memory"
            + " \(Self.text(temporary))"
    }

    /// What a step needs that `available` bytes do not hold, as a sentence; `nil` if it fits. The
    /// state is there already.
    ///
    /// - Parameter remedy: What to do about it, a sentence.
    package func shortage(available: Int, remedy: String) -> String? {
        guard temporary > available else { return nil }
        return "A step needs \(Self.text(temporary)) besides weights and moments, but only"
            + " \(Self.text(available)) of memory are free. \(remedy)"
    }

    /// In the unit that reads best.
    package static func text(_ bytes: Int) -> String {
        let mebibytes = Double(bytes) / 1_048_576
        func tenths(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
        return mebibytes < 1024
            ? "\(tenths(mebibytes)) MiB" : "\(tenths(mebibytes / 1024)) GiB"
    }
}
