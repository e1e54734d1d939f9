import ArgumentParser
import EPASCheckpoint
import EPASConfig
import EPASData
import EPASModel
import EPASTraining
import Foundation

/// `epas plan`: the schedule of a run file, before anything runs.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Print a run file's schedule: steps, sharing layers and FLOPs per token.")

    @OptionGroup var file: RunFileOptions

    @OptionGroup var json: JSONOption

    func run() throws {
        let config = try file.config()
        let data = URL(filePath: config.data.path)
        let hasData = FileManager.default.fileExists(atPath: data.path)
        // Without data the vocabulary is the model section's own, if it has one.
        let vocabulary =
            hasData
            ? try TokenDataset(data, split: .train).vocabularySize
            : config.model.vocabulary ?? presetVocabulary(config.model) ?? 1
        let setup = try RunSetup.open(config, vocabulary: vocabulary)
        let steps = config.training.steps
        let switches = setup.schedule.switches(steps: steps)
        let baseline = setup.flopsPerStep(.none) / Double(setup.tokensPerStep)
        let stages = switches.enumerated().map { index, entry in
            let last = index + 1 < switches.count ? switches[index + 1].step - 1 : steps
            let perToken = setup.flopsPerStep(entry.plan) / Double(setup.tokensPerStep)
            return Stage(
                firstStep: entry.step, lastStep: last, sharingLayers: entry.plan.sharingLayers,
                share: entry.plan.text(layers: setup.model.layers),
                tokens: (last - entry.step + 1) * setup.tokensPerStep, flopsPerToken: perToken,
                reduction: 1 - perToken / baseline)
        }
        if json.isOn {
            for stage in stages { try printJSON(stage) }
            return
        }
        try printLine(
            """
            \(setup.model.layers) layers, \(setup.model.parameterCount) parameters, \
            \(setup.tokensPerStep) tokens a step, \(steps) steps
            """)
        if !hasData {
            try printLine(
                "There is no data at \(config.data.path) yet; counted with a vocabulary of \(setup.model.vocabulary)."
            )
        }
        try printTable(
            ["steps", "share", "sharing layers", "tokens", "FLOPs per token", "saved"],
            stages.map {
                [
                    "\($0.firstStep)-\($0.lastStep)", $0.share,
                    $0.sharingLayers.isEmpty ? "-" : ranges($0.sharingLayers), "\($0.tokens)",
                    scaled($0.flopsPerToken), fixed(100 * $0.reduction, 1) + " %",
                ]
            })
        let total = stages.reduce(0) { $0 + Double($1.tokens) * $1.flopsPerToken }
        let full = Double(steps * setup.tokensPerStep) * baseline
        try printLine(
            "whole run: \(scaled(total))FLOPs, \(fixed(100 * (1 - total / full), 1)) % less than without sharing"
        )
    }

    private func presetVocabulary(_ model: ModelSection) -> Int? {
        guard case .preset(let name) = model.base else { return nil }
        return ModelConfig(preset: name)?.vocabulary
    }

    private struct Stage: Encodable {
        let firstStep: Int
        let lastStep: Int
        let sharingLayers: [Int]
        let share: String
        let tokens: Int
        /// Forward and backward.
        let flopsPerToken: Double
        let reduction: Double
    }
}

/// Ascending numbers with runs shortened: `2-4, 7`.
private func ranges(_ numbers: [Int]) -> String {
    var runs: [ClosedRange<Int>] = []
    for number in numbers {
        if let last = runs.last, last.upperBound == number - 1 {
            runs[runs.count - 1] = last.lowerBound...number
        } else {
            runs.append(number...number)
        }
    }
    return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
        .joined(separator: ", ")
}
