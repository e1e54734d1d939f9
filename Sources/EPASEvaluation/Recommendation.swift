/// What a region length has to reach.
package struct Targets: Hashable, Sendable, Codable {
    /// The most that any task may lose against no sharing; see
    /// ``EvaluationTable/TaskResult/loss(against:)``.
    package var mostBelowFull: Double?
    package var leastTokensPerSecond: Double?
    /// The most bytes of key-value cache, and the tokens of context that they are to hold.
    package var cache: CacheLimit?

    package struct CacheLimit: Hashable, Sendable, Codable {
        package let mebibytes: Double
        package let context: Int

        package init(mebibytes: Double, context: Int) {
            self.mebibytes = mebibytes
            self.context = context
        }
    }

    package init() {}

    package var isEmpty: Bool { self == Targets() }
}

/// The region length to use, chosen from a table.
package struct Recommendation: Hashable, Sendable, Codable {
    /// As `--share` takes it; `nil` if no measured length reaches the targets.
    package let share: String?
    package let targets: Targets
    /// One sentence.
    package let reason: String

    /// Chooses the longest measured region that reaches every target.
    ///
    /// - Throws: ``EvaluationError`` if the table lacks what a target needs.
    package init(_ targets: Targets, from table: EvaluationTable) throws(EvaluationError) {
        func lacking(_ what: String, _ remedy: String) -> EvaluationError {
            EvaluationError("The recommendation", what, remedy: remedy)
        }
        if targets.mostBelowFull != nil, table.full == nil {
            throw lacking(
                "nothing was measured without sharing", "Add the length 0, such as qk:0,2,4.")
        }
        if targets.leastTokensPerSecond != nil,
            table.rows.contains(where: {
                $0.tokensPerSecond == nil
            })
        {
            throw lacking(
                "no speeds were measured", "Leave out the target of tokens a second.")
        }
        var found: (row: EvaluationTable.Row, merits: [String])?
        var failure: (row: EvaluationTable.Row, shortfall: String)?
        // The longest first; of equal ones the first that was asked for.
        let rows = table.rows.enumerated().sorted {
            ($1.element.sharingLayers, $0.offset) < ($0.element.sharingLayers, $1.offset)
        }.map(\.element)
        for row in rows {
            let (merits, shortfall) = Self.judge(row, by: targets, full: table.full)
            if let shortfall {
                failure = (row, shortfall)
            } else {
                found = (row, merits)
                break
            }
        }
        self.targets = targets
        share = found?.row.share
        let next = failure.map { "\($0.row.share) does not, as \($0.shortfall)" }
        if let found {
            let merits = found.merits.isEmpty ? "" : ": " + found.merits.joined(separator: ", ")
            reason =
                "\(found.row.share) is the longest measured region that reaches every target"
                + merits + (next.map { "; \($0)" } ?? "") + "."
        } else {
            reason =
                "No measured region reaches every target; "
                + (next.map { "even \($0)" } ?? "nothing was measured") + "."
        }
    }

    /// What speaks for a row, and the first target that it misses.
    private static func judge(
        _ row: EvaluationTable.Row, by targets: Targets, full: EvaluationTable.Row?
    ) -> (merits: [String], shortfall: String?) {
        var merits: [String] = []
        if let most = targets.mostBelowFull, let full {
            let losses = zip(row.tasks, full.tasks).map { task, full in
                (task: task, loss: task.loss(against: full))
            }
            // What is not a number is no small loss.
            let worst = losses.max { $0.loss < $1.loss || $1.loss.isNaN }
            if let worst {
                let words =
                    "\(worst.task.name) loses \(worst.task.words(forLoss: worst.loss))"
                // 0.50 - 0.49 is a little more than one point.
                guard worst.loss <= most + 1e-9 else {
                    return (merits, "\(words) (at most \(decimal(most)))")
                }
                merits.append(
                    worst.loss > 0
                        ? "\(words) at worst (at most \(decimal(most)))" : "no task loses anything")
            }
        }
        if let least = targets.leastTokensPerSecond, let speed = row.tokensPerSecond {
            let words = "it makes \(decimal(speed)) tokens/s (at least \(decimal(least)))"
            guard speed >= least else { return (merits, words) }
            merits.append(words)
        }
        if let limit = targets.cache {
            let need = Double(row.cacheBytesPerToken) * Double(limit.context) / 1_048_576
            let words =
                "\(limit.context) tokens take \(decimal(need)) MiB of cache (at most \(decimal(limit.mebibytes)))"
            guard need <= limit.mebibytes else { return (merits, words) }
            merits.append(words)
        }
        return (merits, nil)
    }
}
