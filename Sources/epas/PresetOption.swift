import ArgumentParser
import EPASModel

/// `--model` of the benchmarks.
struct PresetOption: ParsableArguments {
    @Option(name: .customLong("model"), help: ArgumentHelp(modelHelp, valueName: "name"))
    var name = "125m"

    func validate() throws { _ = try config() }

    /// The shape of that name.
    func config() throws -> ModelConfig { try preset(name) }
}
