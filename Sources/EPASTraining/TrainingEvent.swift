package import Foundation

/// What a run tells whoever watches it.
package enum TrainingEvent: Sendable {
    /// Something to know, one sentence.
    case notice(String)
    /// Training waits for a program to be compiled.
    case compiling(share: String)
    /// What steps need from here on, before the first of them runs.
    case memory(StepMemory)
    case stepped(StepRecord)
    /// `index` of `count` region lengths has been validated.
    case validated(ValidationRecord, index: Int, count: Int)
    case saved(step: Int, URL)
}

/// A run that cannot go on.
package enum TrainingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The loss or gradient norm of a step; the step's update was not applied.
    case notFinite(step: Int, loss: Float, gradientNorm: Float)

    package var description: String {
        switch self {
        case .notFinite(let step, let loss, let norm):
            """
            Step \(step) was not applied and the run has stopped, because its loss is \(loss) and \
            its gradient norm \(norm). Lower training.learning_rate.peak or check the data, then \
            resume from the last checkpoint.
            """
        }
    }
}
