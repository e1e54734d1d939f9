import ArgumentParser
import EPASCheckpoint
import EPASData
import EPASModel
import EPASTraining
import Foundation

/// `epas probe`: which layers of a trained model could share.
struct ProbeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Measure how alike a model's layers are, and propose a region to share.",
        discussion: """
            Compares the attention scores, keys and values of all layers with each other, and \
            measures the loss of every region length without training for it. With --output, the \
            folder gets probe.json and similarity.svg. The suggested region is the longest one, at \
            most half of the layers, whose untrained loss is within --tolerance of no sharing.
            """)

    @OptionGroup var source: CheckpointArgument
    @OptionGroup var data: DataOption
    @OptionGroup var options: EvaluationOptions
    @OptionGroup var runtime: RuntimeOptions

    @Option(help: ArgumentHelp("What the regions share: qk or kv.", valueName: "kind"))
    var kind = "qk"

    @Option(
        help: ArgumentHelp(
            "Nats that the suggested region may lose without training.", valueName: "nats"))
    var tolerance = 1.0

    @Option(help: ArgumentHelp("A folder for probe.json and similarity.svg.", valueName: "folder"))
    var output: String?

    @OptionGroup var json: JSONOption

    func validate() throws {
        try require(
            kind == "qk" || kind == "kv", "--kind is \"\(kind)\"; use qk or kv.")
        try require(
            tolerance.isFinite && tolerance >= 0, "--tolerance is \(tolerance); use 0 or more.")
    }

    func run() throws {
        let folder = try source.open()
        let model = folder.config
        let inputs = try options.batches(of: data.data, for: model)
        let (client, cache) = try runtime.open()
        let parameters = try folder.upload(to: client)
        let probe = Probe(
            model, client: client, cache: cache, computeType: options.dtype.elementType)
        let line = ProgressLine()
        line.update("Comparing layers")
        let similarity = try probe.similarity(parameters, batches: inputs)
        let losses = try probe.losses(
            parameters, kind: SharingKind(rawValue: kind) ?? .queryKey, batches: inputs
        ) { line.update("Measuring region length \($0) of \(model.layers - 1)") }
        line.clear()
        let suggestion = Probe.suggestedRegion(losses: losses, tolerance: tolerance)
        guard let scores = similarity[.scores], let keys = similarity[.keys],
            let values = similarity[.values]
        else { return }
        let pairs = keys.joined(with: values).dissimilarPairs.map {
            KeyValuePair(layer: $0.layer, source: $0.source, distance: $0.distance)
        }
        let report = ProbeReport(
            kind: kind, losses: losses, suggestedLayers: suggestion,
            suggestedShare: suggestion == 0 ? "none" : "\(kind):\(suggestion)",
            dissimilarPairs: pairs, scores: scores.cosines, keys: keys.cosines,
            values: values.cosines)
        if json.isOn { try printJSON(report) } else { try show(report) }
        if let output { try write(report, to: URL(filePath: output)) }
    }

    private func show(_ report: ProbeReport) throws {
        try printTable(
            ["share", "loss untrained", "above none", "score cosine to source"],
            report.losses.enumerated().map { count, loss in
                let source = report.losses.count - count - 1
                let cosines = (source + 1..<report.losses.count).map { report.scores[$0][source] }
                return [
                    count == 0 ? "none" : "\(kind):\(count)", fixed(loss, 4),
                    fixed(loss - report.losses[0], 4),
                    cosines.isEmpty
                        ? "-" : fixed(cosines.reduce(0, +) / Double(cosines.count), 3),
                ]
            })
        let pairs = report.dissimilarPairs.prefix(6).map { "\($0.layer)<\($0.source)" }
        try printLine()
        try printLine(
            "keys and values least alike, in KVSharer's order: \(pairs.joined(separator: ", "))")
        try printLine("suggested region: \(report.suggestedShare)")
    }

    private func write(_ report: ProbeReport, to folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try jsonData(report, pretty: true).write(to: folder.appending(path: "probe.json"))
        let map = HeatMap(
            title: "Cosine similarity between layers", axisLabel: "layer",
            panels: [
                .init(title: "attention scores", values: report.scores),
                .init(title: "keys", values: report.keys),
                .init(title: "values", values: report.values),
            ])
        let picture = folder.appending(path: "similarity.svg")
        try Data(map.svg.utf8).write(to: picture)
        printError("Wrote \(picture.path)")
    }
}

/// A deeper layer and the shallower one it could reuse.
private struct KeyValuePair: Encodable {
    let layer: Int
    let source: Int
    /// Euclidean, between the keys and values of all probed tokens.
    let distance: Double
}

/// What a probe found.
private struct ProbeReport: Encodable {
    let kind: String
    /// Nats per token without training, by the number of sharing layers.
    let losses: [Double]
    let suggestedLayers: Int
    let suggestedShare: String
    let dissimilarPairs: [KeyValuePair]
    /// Cosines [layer][layer].
    let scores: [[Double]]
    let keys: [[Double]]
    let values: [[Double]]
}
