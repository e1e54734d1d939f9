// From scores of requests to figures of a task (lm_eval/api/task.py: process_results;
// lm_eval/api/metrics.py).

import EPASConfig
import Foundation

/// A task's items with the requests that they make.
struct TaskScores {
    /// An item, and where its requests stand among all requests.
    private struct Entry {
        let item: TaskItem
        let requests: Range<Int>
    }

    let task: EvaluationTask
    private let entries: [Entry]
    /// Requests whose context was cut from the left.
    let truncatedCount: Int

    var itemCount: Int { entries.count }

    /// Reads a task's records and appends their requests.
    init(
        _ task: EvaluationTask, encoder: RequestEncoder, requests: inout [ScoringRequest]
    ) throws {
        var encoder = encoder
        var entries: [Entry] = []
        for record in try TaskRecord.read(task.data, limit: task.limit) {
            let item = try TaskItem(record, of: task)
            let start = requests.count
            switch item {
            case .multipleChoice(let context, let delimiter, let choices, _):
                for choice in choices {
                    requests.append(
                        try encoder.request(
                            context: context, continuation: delimiter + choice, record: record))
                }
            case .continuation(let context, let target):
                requests.append(
                    try encoder.request(context: context, continuation: target, record: record))
            case .whole(let text):
                requests += try encoder.windows(text, record: record)
            }
            entries.append(Entry(item: item, requests: start..<requests.count))
        }
        self.task = task
        self.entries = entries
        truncatedCount = encoder.truncatedCount
        if task.kind == .rollingPerplexity, byteCount == 0 {
            throw EvaluationError(
                task.data.lastPathComponent, "its texts are all empty",
                remedy: "Name the field with the text in the task file.")
        }
    }

    private var byteCount: Int {
        entries.reduce(0) { sum, entry in
            if case .whole(let text) = entry.item { sum + text.utf8.count } else { sum }
        }
    }

    /// The task's figures under each plan, the most usual first.
    ///
    /// - Parameter scores: For each plan, one score per request.
    func metrics(_ scores: [[Score]]) -> [[Metric]] {
        switch task.kind {
        case .multipleChoice: scores.map(choiceMetrics)
        case .lastWord: continuationMetrics(scores)
        case .rollingPerplexity: scores.map(wholeMetrics)
        }
    }

    private func choiceMetrics(_ scores: [Score]) -> [Metric] {
        func accuracy(_ name: Metric.Name, length: (String) -> Int) -> Metric {
            let hits = entries.map { entry -> Double in
                guard case .multipleChoice(_, _, let choices, let gold) = entry.item else {
                    fatalError("an item of another kind")
                }
                let values = zip(entry.requests, choices).map {
                    scores[$0].logProbability / Double(length($1))
                }
                var best = 0
                for index in values.indices where values[index] > values[best] { best = index }
                return best == gold ? 1 : 0
            }
            return Self.mean(hits, name)
        }
        return [
            accuracy(.accuracy) { _ in 1 },
            accuracy(.accuracyPerCharacter) { $0.unicodeScalars.count },
            accuracy(.accuracyPerByte) { $0.utf8.count },
        ]
    }

    private func continuationMetrics(_ scores: [[Score]]) -> [[Metric]] {
        let own = scores.map { scores in entries.map { scores[$0.requests.lowerBound] } }
        let values = own.map { $0.map(\.logProbability) }
        let errors = Statistics.standardErrorsOfPerplexity(values)
        return own.indices.map { plan in
            [
                Self.mean(own[plan].map { $0.isGreedy ? 1 : 0 }, .accuracy),
                Metric(
                    .perplexity, exp(-Statistics.mean(values[plan])), standardError: errors[plan]),
            ]
        }
    }

    private func wholeMetrics(_ scores: [Score]) -> [Metric] {
        var (sum, words, bytes) = (0.0, 0, 0)
        for entry in entries {
            guard case .whole(let text) = entry.item else { fatalError("an item of another kind") }
            sum += entry.requests.reduce(0) { $0 + scores[$1].logProbability }
            words += text.wordCount
            bytes += text.utf8.count
        }
        return [
            Metric(.wordPerplexity, exp(-sum / Double(words)), standardError: nil),
            Metric(.bytePerplexity, exp(-sum / Double(bytes)), standardError: nil),
            Metric(.bitsPerByte, -sum / Double(bytes) / log(2), standardError: nil),
        ]
    }

    private static func mean(_ values: [Double], _ name: Metric.Name) -> Metric {
        Metric(
            name, Statistics.mean(values),
            standardError: Statistics.standardErrorOfMean(values))
    }
}
