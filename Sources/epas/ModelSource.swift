import ArgumentParser
import EPASCheckpoint
import EPASModel
import Foundation

/// A model's shape: a checkpoint's or a preset's.
struct ModelSource: ParsableArguments {
    @Argument(help: "A checkpoint folder.", completion: .directory)
    var checkpoint: String?

    @Option(
        name: .customLong("model"),
        help:
            "A named shape instead of a checkpoint: \(ModelConfig.presetNames.joined(separator: ", "))."
    )
    var preset: String?

    func validate() throws {
        try require(
            (checkpoint == nil) != (preset == nil),
            "Name either a checkpoint folder or a shape with --model.")
        if let preset {
            try require(
                ModelConfig(preset: preset) != nil,
                "There is no model \"\(preset)\"; use one of \(ModelConfig.presetNames.joined(separator: ", "))."
            )
        }
    }

    func model() throws -> ModelConfig {
        if let preset, let model = ModelConfig(preset: preset) { return model }
        return try HuggingFaceConfig.model(in: URL(filePath: checkpoint ?? ""))
    }
}
