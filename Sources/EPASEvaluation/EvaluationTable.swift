/// What was measured of a checkpoint at several region lengths.
package struct EvaluationTable: Hashable, Sendable, Codable {
    /// A task's figures at one region length.
    package struct TaskResult: Hashable, Sendable, Codable {
        package let name: String
        /// As a task file names it.
        package let kind: String
        package let items: Int
        /// Requests whose context was too long and lost its beginning.
        package let truncatedRequests: Int
        /// The most usual first.
        package let metrics: [Metric]

        package init(
            name: String, kind: String, items: Int, truncatedRequests: Int, metrics: [Metric]
        ) {
            self.name = name
            self.kind = kind
            self.items = items
            self.truncatedRequests = truncatedRequests
            self.metrics = metrics
        }
    }

    /// One region length.
    package struct Row: Hashable, Sendable, Codable {
        /// As `--share` takes it.
        package let share: String
        package let sharingLayers: Int
        /// Of the key-value cache, in the type that was measured with.
        package let cacheBytesPerToken: Int
        /// New tokens of one sequence; `nil` if not measured.
        package let tokensPerSecond: Double?
        package let tasks: [TaskResult]

        package init(
            share: String, sharingLayers: Int, cacheBytesPerToken: Int, tokensPerSecond: Double?,
            tasks: [TaskResult]
        ) {
            self.share = share
            self.sharingLayers = sharingLayers
            self.cacheBytesPerToken = cacheBytesPerToken
            self.tokensPerSecond = tokensPerSecond
            self.tasks = tasks
        }
    }

    /// In the order in which they were asked for, each with the same tasks.
    package let rows: [Row]

    package init(rows: [Row]) {
        self.rows = rows
    }

    /// The row in which every layer computes.
    package var full: Row? { rows.first { $0.sharingLayers == 0 } }
}

extension EvaluationTable.TaskResult {
    /// How much worse the task's first figure is than `full`'s: points (0.01) of an accuracy,
    /// percent of a perplexity or of bits per byte. Negative where it is better.
    package func loss(against full: EvaluationTable.TaskResult) -> Double {
        guard let own = metrics.first, let reference = full.metrics.first else { return 0 }
        return own.name.isAccuracy
            ? 100 * (reference.value - own.value) : 100 * (own.value / reference.value - 1)
    }

    /// A loss in words, such as `0.80 points of acc`.
    func words(forLoss loss: Double) -> String {
        guard let metric = metrics.first else { return "" }
        return decimal(loss)
            + (metric.name.isAccuracy ? " points of " : " percent of ") + metric.name.rawValue
    }
}

/// A number with two decimals.
func decimal(_ value: Double) -> String {
    guard abs(value) < 1e15 else { return "\(value)" }
    let hundredths = Int((abs(value) * 100).rounded())
    let digits = hundredths % 100
    return (value < 0 && hundredths > 0 ? "-" : "") + "\(hundredths / 100)."
        + (digits < 10 ? "0" : "") + "\(digits)"
}
