import ArgumentParser
import EPASModel

/// `--model`, as every command takes it that works without a checkpoint.
let modelHelp = "A named shape: \(ModelConfig.presetNames.joined(separator: ", "))."

/// The shape of a preset.
///
/// - Throws: `ValidationError` if there is none of that name.
func preset(_ name: String, layers: Int? = nil) throws -> ModelConfig {
    guard let model = ModelConfig(preset: name, layers: layers) else {
        throw ValidationError(
            "--model: there is no shape \"\(name)\". Use one of \(ModelConfig.presetNames.joined(separator: ", "))."
        )
    }
    return model
}

/// Throws a usage error unless each option's value is 1 or more.
func requirePositive(_ options: [(name: String, value: Int)]) throws {
    for (name, value) in options {
        try require(value >= 1, "--\(name) is \(value). Use 1 or more.")
    }
}

/// Says of a sequence that it is longer than the model is meant for, which is not refused: the
/// rotary embedding has every position, but the model has not learned them.
func note(sequence: Int, beyond model: ModelConfig) {
    guard sequence > model.maximumSequence else { return }
    printError(
        "Note: \(sequence) tokens are more than the model's longest sequence, \(model.maximumSequence); it has not learned the positions beyond."
    )
}
