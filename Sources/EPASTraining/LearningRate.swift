import Foundation

/// The learning rate as a function of the step.
package struct LearningRate: Hashable, Sendable {
    package enum Schedule: String, Hashable, Sendable {
        /// Half a cosine from the peak to the final rate over the steps after warm-up.
        case cosine
        /// Warm-up, the peak until the last `decay` steps, then a straight line to the final rate.
        case warmupStableDecay = "wsd"
        /// The peak after warm-up.
        case constant
    }

    package let schedule: Schedule
    package let peak: Double
    package let final: Double
    /// Steps of linear warm-up: the peak is reached at this step.
    package let warmup: Int
    /// Steps of the run.
    package let steps: Int
    /// Steps of the final decline, for ``Schedule/warmupStableDecay``.
    package let decay: Int

    package init(
        schedule: Schedule, peak: Double, final: Double, warmup: Int, steps: Int, decay: Int = 0
    ) {
        self.schedule = schedule
        self.peak = peak
        self.final = final
        self.warmup = warmup
        self.steps = steps
        self.decay = decay
    }

    /// Returns the rate of a step, counted from 1.
    package func rate(atStep step: Int) -> Double {
        if step <= warmup { return peak * Double(step) / Double(warmup) }
        switch schedule {
        case .constant:
            return peak
        case .cosine:
            let progress = Double(min(step, steps) - warmup) / Double(max(1, steps - warmup))
            return final + (peak - final) * 0.5 * (1 + cos(.pi * progress))
        case .warmupStableDecay:
            let left = max(0, steps - step)
            guard left < decay else { return peak }
            return final + (peak - final) * Double(left) / Double(decay)
        }
    }
}
