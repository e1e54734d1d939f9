import EPASTraining
import Foundation

/// Shows a run on standard error: a redrawn line with a bar on a terminal, plain lines elsewhere.
final class TrainingDisplay {
    private let steps: Int
    private let line = ProgressLine()
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
            line.finish(text)
        case .compiling(let share):
            line.show("Compiling the training program, \(describe(share)) …")
        case .memory(let memory):
            line.finish("memory: \(memory.text)")
        case .stepped(let record):
            stepped(record)
        case .validated(let record, let index, let count):
            validation.append(record)
            guard index + 1 == count else {
                if line.isTerminal { line.show("Validating, \(index + 1) of \(count) lengths …") }
                return
            }
            let losses = validation.map {
                "\($0.loss.map { fixed($0, 4) } ?? "not finite") \(describe($0.share))"
            }
            line.finish("step \(record.step)  validation loss \(losses.joined(separator: ", "))")
            validation = []
        case .saved(let step, let url):
            line.finish("step \(step)  saved \(url.lastPathComponent)")
        }
    }

    /// Leaves the terminal's line.
    func end() { line.clear() }

    private func stepped(_ record: StepRecord) {
        let switches = share != record.share
        share = record.share
        var parts = [
            "step \(record.step)/\(steps)",
            "loss \(record.loss.map { fixed($0, 4) } ?? "not finite")",
        ]
        if switches {
            // The first step of a program waits for it: its speed says nothing.
            recent = []
            parts.append(describe(record.share))
        } else {
            recent = Array((recent + [record.seconds]).suffix(20))
            let left = recent.sorted()[recent.count / 2] * Double(steps - record.step)
            parts += [
                "\(fixed(record.tokensPerSecond, 0)) tokens/s", describe(record.share),
                "\(clockTime(left)) left",
            ]
        }
        if switches || record.step == steps {
            line.finish(text(parts))
        } else if line.isTerminal {
            line.update(fitted(parts, done: Double(record.step) / Double(steps)))
        } else if record.step.isMultiple(of: stride) {
            line.finish(text(parts))
        } else {
            // Steps so slow that the next round one is far away.
            line.update(text(parts))
        }
    }

    private func text(_ parts: [String]) -> String { parts.joined(separator: "  ") }

    /// The parts in the terminal's width: after a bar if there is room, without the middle ones
    /// if there is too little.
    private func fitted(_ parts: [String], done: Double) -> String {
        var parts = parts
        let room = line.columns - 1
        while text(parts).count > room, parts.count > 2 { parts.remove(at: 2) }
        let width = min(24, room - text(parts).count - 4)
        guard width >= 8 else { return text(parts) }
        let filled = Int(done * Double(width))
        let bar =
            String(repeating: "#", count: filled)
            + String(repeating: "-", count: width - filled)
        return "[\(bar)]  \(text(parts))"
    }

    /// Steps between plain lines: 1, 2 or 5 times a power of ten, at most 50 lines a run.
    private var stride: Int {
        var power = 1
        while true {
            for factor in [1, 2, 5] where factor * power * 50 >= steps { return factor * power }
            power *= 10
        }
    }

    private func describe(_ share: String) -> String {
        share == "none" ? "without sharing" : "sharing \(share)"
    }
}
