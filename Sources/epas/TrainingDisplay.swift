import EPASTraining
import Foundation
import Synchronization

/// Shows a run on standard error: a redrawn line on a terminal, plain lines elsewhere.
final class TrainingDisplay {
    private let steps: Int
    private var line = ProgressLine()
    /// Seconds of the last steps, for the time left.
    private var recent: [Double] = []
    private var share: String?
    private var validation: [ValidationRecord] = []

    init(steps: Int) {
        self.steps = steps
    }

    func show(_ event: TrainingEvent) {
        switch event {
        case .notice(let text):
            line.clear()
            printError(text)
        case .compiling(let share):
            line.finish("Compiling the training program for \(describe(share))")
        case .stepped(let record):
            stepped(record)
        case .validated(let record, let index, let count):
            validation.append(record)
            guard index + 1 == count else { return }
            let losses = validation.map {
                "\($0.share) \($0.loss.map { fixed($0, 4) } ?? "not finite")"
            }
            line.finish("step \(record.step): validation loss \(losses.joined(separator: ", "))")
            validation = []
        case .saved(_, let url):
            line.update("saved \(url.lastPathComponent)")
        }
    }

    /// Leaves the terminal's line.
    func end() { line.clear() }

    private func stepped(_ record: StepRecord) {
        // The first step of a program is slower than the rest.
        recent = (share == record.share ? recent : []) + [record.seconds]
        recent = Array(recent.suffix(20))
        let left = recent.sorted()[recent.count / 2] * Double(steps - record.step)
        let text =
            "step \(record.step)/\(steps)  loss \(record.loss.map { fixed($0, 4) } ?? "not finite")"
            + "  \(fixed(record.tokensPerSecond, 0)) tokens/s  \(describe(record.share))"
            + "  \(clockTime(left)) left"
        if share != record.share || record.step == steps {
            line.finish(text)
        } else {
            line.update(text)
        }
        share = record.share
    }

    private func describe(_ share: String) -> String {
        share == "none" ? "no sharing" : "sharing \(share)"
    }
}
