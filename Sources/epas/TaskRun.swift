import EPASCheckpoint
import EPASConfig
import EPASEvaluation
import EPASInference
import EPASJSON
import EPASModel
import EPASRuntime
import EPASTokenizer
import EPASTraining
import Foundation

/// `epas evaluate --tasks`: figures of tasks at several region lengths.
struct TaskRun {
    let folder: ModelFolder
    let plans: [SharingPlan]
    /// The file that lists the tasks.
    let tasks: String
    let options: EvaluationOptions
    let matrices: MatrixFormat
    let targets: Targets
    /// The folder for the JSON file and the picture.
    let output: String?
    let printsJSON: Bool
    /// Whether the new tokens a second that each plan gives are measured too.
    let measuresSpeed: Bool

    func run(open: () throws -> (Client, ExecutableCache)) throws {
        let model = folder.config
        let sequence = options.sequence ?? model.maximumSequence
        try requireInput(
            sequence <= model.maximumSequence,
            "--sequence is \(sequence), but the model's longest sequence is \(model.maximumSequence). Use that or less."
        )
        try requireInput(
            targets.leastTokensPerSecond == nil || measuresSpeed,
            "--at-least-tokens-per-second needs measured speeds. Leave --no-speed out."
        )
        try requireInput(
            targets.mostBelowFull == nil || plans.contains(.none),
            "--at-most-below compares with no sharing. Add the length 0 to --share, such as qk:0,2,4."
        )
        let outputFolder = output.map { URL(filePath: $0) }
        if let outputFolder {
            try FileManager.default.createDirectory(
                at: outputFolder, withIntermediateDirectories: true)
        }
        let evaluation = try TaskEvaluation(
            EvaluationTask.load(URL(filePath: tasks)), model: model, plans: plans,
            tokenizer: loadTokenizer(at: folder.url), computeType: options.dtype.elementType,
            matrices: matrices, maximumLength: sequence)
        let table = try measure(evaluation, open: open)
        let recommendation = targets.isEmpty ? nil : try Recommendation(targets, from: table)
        let record = EvaluationRecord(
            table, dtype: options.dtype.rawValue,
            weights: matrices.name, sequence: sequence,
            recommendation: recommendation)
        if printsJSON {
            try printLines(table, recommendation)
        } else {
            try printTables(table)
            if let recommendation { try printLine(recommendation.reason) }
        }
        if let outputFolder {
            try record.json.write(to: outputFolder.appending(path: "evaluation.json"))
            try Data(EvaluationPlot(table).svg.utf8)
                .write(to: outputFolder.appending(path: "evaluation.svg"))
            printError("Wrote \(outputFolder.appending(path: "evaluation.svg").path)")
        }
        do {
            try record.save(in: folder.url)
        } catch {
            // The table was printed; a folder that only others may change is no failure.
            printError("The table is not kept beside the checkpoint: \(sentence(about: error))")
        }
    }

    private func measure(
        _ evaluation: TaskEvaluation, open: () throws -> (Client, ExecutableCache)
    ) throws -> EvaluationTable {
        let (client, cache) = try open()
        // First, so that the weights are not there twice.
        let speeds = try measuresSpeed ? measureSpeeds(client, cache) : nil
        let parameters = try folder.upload(to: client, matrices: matrices)
        let line = ProgressLine()
        defer { line.clear() }
        return try evaluation.run(
            parameters: parameters, compile: { try client.compile($0, cache: cache) },
            speeds: speeds
        ) { done, total in
            let lengths = plans.count == 1 ? "1 region length" : "\(plans.count) region lengths"
            line.update("\(done)/\(total) texts scored at \(lengths)")
        }
    }

    /// New tokens a second of one sequence behind a prompt of half the longest input.
    private func measureSpeeds(_ client: Client, _ cache: ExecutableCache) throws -> [Double] {
        let model = folder.config
        let longest = max(4, options.sequence ?? model.maximumSequence)
        let workload = GenerationSpeed.Workload(
            batch: 1, promptTokens: longest / 2, newTokens: min(64, longest / 2))
        var engineOptions = EngineOptions()
        engineOptions.slots = 1
        engineOptions.maximumSequence = longest
        engineOptions.reusesPrefixes = false
        let line = ProgressLine()
        defer { line.clear() }
        line.update("timing \(workload.newTokens) tokens at each region length")
        let engine = try Engine(
            model,
            parameters: folder.upload(to: client, matrices: matrices),
            client: client, computeType: options.dtype.elementType, matrices: matrices,
            options: engineOptions, cache: cache)
        defer { engine.shutDown() }
        let plans = plans
        return try blocking {
            try await GenerationSpeed.measure(engine, plans: plans, workload, rounds: 3, seconds: 1)
        }.map(\.tokensPerSecond)
    }

    private func printTables(_ table: EvaluationTable) throws {
        guard let first = table.rows.first else { return }
        for (index, task) in first.tasks.enumerated() {
            try printLine("\(task.name): \(task.items) items")
            if task.truncatedRequests > 0 {
                printError(
                    "\(task.name): texts that lost their beginning, as the model's longest input is shorter: \(task.truncatedRequests)"
                )
            }
            try printTable(
                ["share"] + task.metrics.map(\.name.rawValue),
                table.rows.map { row in
                    [row.share] + row.tasks[index].metrics.map(\.text)
                })
            try printLine()
        }
        let hasSpeeds = first.tokensPerSecond != nil
        try printTable(
            ["share", "cache bytes per token"] + (hasSpeeds ? ["tokens/s"] : []),
            table.rows.map { row in
                [row.share, "\(row.cacheBytesPerToken)"]
                    + (row.tokensPerSecond.map { [fixed($0, 1)] } ?? [])
            })
    }

    /// One flat object per task and region length, and one for the recommendation.
    private func printLines(_ table: EvaluationTable, _ recommendation: Recommendation?) throws {
        for row in table.rows {
            for task in row.tasks {
                var entries: [(String, JSONValue)] = [
                    ("task", .string(task.name)), ("kind", .string(task.kind)),
                    ("share", .string(row.share)), ("sharing_layers", .integer(row.sharingLayers)),
                    ("items", .integer(task.items)),
                    ("truncated_requests", .integer(task.truncatedRequests)),
                ]
                for metric in task.metrics {
                    let name = metric.name.rawValue
                    entries.append((name, number(metric.value)))
                    entries.append(
                        (name + "_stderr", metric.standardError.map(number) ?? .null))
                }
                entries.append(("cache_bytes_per_token", .integer(row.cacheBytesPerToken)))
                if let speed = row.tokensPerSecond {
                    entries.append(("tokens_per_second", number(speed)))
                }
                try printLine(JSONValue.object(entries).compactText)
            }
        }
        guard let recommendation else { return }
        try printLine(
            JSONValue.object([
                ("recommended_share", recommendation.share.map { .string($0) } ?? .null),
                ("reason", .string(recommendation.reason)),
            ]).compactText)
    }

    /// A number, or the text that stands for one that JSON lacks.
    private func number(_ value: Double) -> JSONValue {
        if value.isNaN { return .string("NaN") }
        return value.isFinite ? .double(value) : .string(value < 0 ? "-Infinity" : "Infinity")
    }
}

extension Metric {
    /// For people: the value with its standard error.
    fileprivate var text: String {
        func shown(_ value: Double) -> String {
            if name.isAccuracy { return fixed(100 * value, 2) }
            // A model that knows nothing can find a text arbitrarily unlikely.
            return value < 1e5 ? fixed(value, 4) : String(format: "%.4g", value)
        }
        let error = standardError.map { " ± " + shown($0) } ?? ""
        return shown(value) + error + (name.isAccuracy ? " %" : "")
    }
}
