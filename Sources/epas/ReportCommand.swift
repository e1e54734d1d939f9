import ArgumentParser
import EPASCheckpoint
import EPASModel
import EPASTraining
import Foundation

/// `epas report`: what one or more runs learned, side by side.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Compare runs at several region lengths, and plot their loss against time.",
        discussion: """
            Every run's last checkpoint is measured on the same validation batches at every region \
            length of --share. With --output, the folder gets report.json and loss.svg.
            """)

    @Argument(help: "Run folders.", completion: .directory)
    var runs: [String]

    @OptionGroup var data: DataOption
    @OptionGroup var options: EvaluationOptions
    @OptionGroup var sharing: ShareListOption
    @OptionGroup var json: JSONOption
    @OptionGroup var runtime: RuntimeOptions

    @Option(
        help: ArgumentHelp("A folder for report.json and loss.svg.", valueName: "folder"))
    var output: String?

    func run() throws {
        let folder = output.map { URL(filePath: $0) }
        if let folder {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }
        let (client, cache) = try runtime.open()
        var reports: [RunReport] = []
        for run in runs {
            let model = try openModel(run)
            let records = try MetricsLog.records(in: URL(filePath: run))
            let plans = try sharing.plans(layers: model.config.layers)
            reports.append(
                RunReport(
                    name: URL(filePath: run).lastPathComponent, records: records,
                    rows: try options.evaluate(
                        model, data: data.data, plans: plans, client: client, cache: cache)))
        }
        if json.isOn {
            for report in reports { try printJSON(report) }
        } else {
            try printRuns(reports)
            try printLengths(reports)
        }
        guard let folder else { return }
        try jsonData(reports, pretty: true).write(to: folder.appending(path: "report.json"))
        let plot = folder.appending(path: "loss.svg")
        try Data(Self.plot(reports).svg.utf8).write(to: plot)
        printError("Wrote \(plot.path)")
    }

    private func printRuns(_ reports: [RunReport]) throws {
        try printTable(
            ["run", "steps", "tokens", "time", "tokens/s", "training loss"],
            reports.map {
                [
                    $0.name, "\($0.steps)", "\($0.tokens)", clockTime($0.elapsedSeconds),
                    fixed($0.tokensPerSecond, 0), $0.trainingLoss.map { fixed($0, 4) } ?? "-",
                ]
            })
        try printLine()
    }

    private func printLengths(_ reports: [RunReport]) throws {
        guard let first = reports.first else { return }
        var header = ["share", "MFLOPs per token"]
        for report in reports { header += ["\(report.name): loss", "tokens/s"] }
        try printTable(
            header,
            first.rows.indices.map { index in
                var row = [
                    first.rows[index].share,
                    fixed(first.rows[index].forwardFlopsPerToken / 1e6, 3),
                ]
                for report in reports {
                    row += [
                        fixed(report.rows[index].loss, 4),
                        fixed(report.rows[index].tokensPerSecond, 0),
                    ]
                }
                return row
            })
    }

    /// Training loss, smoothed, and validation loss against training time.
    private static func plot(_ reports: [RunReport]) -> LinePlot {
        LinePlot(
            title: "Loss against training time (dots: validation)", xLabel: "seconds",
            yLabel: "loss, nats per token",
            series: reports.map { report in
                var smooth: Double?
                var points: [(x: Double, y: Double)] = []
                var marks: [(x: Double, y: Double)] = []
                for record in report.records {
                    switch record {
                    case .training(let step):
                        guard let loss = step.loss else { continue }
                        let mean = smooth.map { 0.9 * $0 + 0.1 * loss } ?? loss
                        smooth = mean
                        points.append((step.elapsedSeconds, mean))
                    case .validation(let validation):
                        guard let loss = validation.loss, validation.sharingLayers == 0 else {
                            continue
                        }
                        marks.append((validation.elapsedSeconds, loss))
                    }
                }
                return LinePlot.Series(name: report.name, points: points, marks: marks)
            })
    }
}

/// One run's outcome.
private struct RunReport: Encodable {
    let name: String
    let steps: Int
    let tokens: Int
    let elapsedSeconds: Double
    let tokensPerSecond: Double
    /// Mean over the last twentieth of the steps.
    let trainingLoss: Double?
    let rows: [EvaluationRow]
    let records: [MetricsRecord]

    private enum CodingKeys: CodingKey {
        case name, steps, tokens, elapsedSeconds, tokensPerSecond, trainingLoss, rows
    }

    init(name: String, records: [MetricsRecord], rows: [EvaluationRow]) {
        let training = records.compactMap { record in
            if case .training(let step) = record { step } else { nil }
        }
        let tail = training.suffix(max(1, training.count / 20)).compactMap(\.loss)
        self.name = name
        self.records = records
        self.rows = rows
        steps = training.last?.step ?? 0
        tokens = training.last?.tokens ?? 0
        elapsedSeconds = training.last?.elapsedSeconds ?? 0
        tokensPerSecond = elapsedSeconds > 0 ? Double(tokens) / elapsedSeconds : 0
        trainingLoss = tail.isEmpty ? nil : tail.reduce(0, +) / Double(tail.count)
    }
}
