/// The `training.learning_rate` section.
package struct LearningRateSection: Sendable, Hashable {
    /// What follows the warm-up.
    package enum Schedule: Sendable, Hashable {
        /// Half a cosine from the peak to `final` at the last step.
        case cosine(final: Double)
        /// The peak, then a linear fall to `final` over the last `decaySteps` steps.
        case warmupStableDecay(final: Double, decaySteps: Int)
        case constant
    }

    package var schedule: Schedule
    package var peak: Double
    /// Steps of linear rise from 0 to `peak`.
    package var warmup: Int
}

extension LearningRateSection {
    init(_ reader: SectionReader, steps: Int) throws(ConfigError) {
        peak = try reader.required(reader.number, "peak")
        warmup = try reader.integer("warmup") ?? steps / 20
        let final = try reader.number("final") ?? peak / 10
        let decaySteps = try reader.integer("decay_steps") ?? max(1, steps / 5)
        switch try reader.required(reader.choice, "schedule") {
        case "cosine": schedule = .cosine(final: final)
        case "wsd": schedule = .warmupStableDecay(final: final, decaySteps: decaySteps)
        default: schedule = .constant
        }
        guard warmup <= steps else {
            throw reader.unusable(
                "warmup", "\(warmup) steps are more than the run's \(steps)",
                remedy: "Use at most \(steps), or raise training.steps.")
        }
        if schedule == .constant, reader.has("final") {
            throw reader.unusable(
                "final", "the constant schedule ends at its peak",
                remedy: "Remove it, or use the schedule cosine or wsd.")
        }
        if schedule != .constant, final > peak {
            throw reader.unusable(
                "final", "\(final) is above the peak of \(peak)",
                remedy: "Use at most \(peak), or raise training.learning_rate.peak.")
        }
        guard case .warmupStableDecay = schedule else {
            guard !reader.has("decay_steps") else {
                throw reader.unusable(
                    "decay_steps", "only the wsd schedule has a decay of its own",
                    remedy: "Remove it, or use the schedule wsd.")
            }
            return
        }
        guard decaySteps <= steps - warmup else {
            throw reader.unusable(
                "decay_steps",
                "\(decaySteps) steps do not fit between the warm-up of \(warmup) and the end at "
                    + "\(steps)",
                remedy: "Use at most \(steps - warmup), or a shorter warm-up.")
        }
    }

    var node: YAMLNode {
        let name: String
        var rest: [(String, YAMLNode?)] = []
        switch schedule {
        case .cosine(let final):
            name = "cosine"
            rest = [("final", .number(final))]
        case .warmupStableDecay(let final, let decaySteps):
            name = "wsd"
            rest = [("final", .number(final)), ("decay_steps", .number(decaySteps))]
        case .constant:
            name = "constant"
        }
        return .mapping(
            [("schedule", .plain(name)), ("peak", .number(peak)), ("warmup", .number(warmup))]
                + rest)
    }
}
