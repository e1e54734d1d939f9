import ArgumentParser
import EPASModel

/// `--model` and `--layers` of the benchmarks.
struct PresetOption: ParsableArguments {
    @Option(name: .customLong("model"), help: ArgumentHelp(modelHelp, valueName: "name"))
    var name = "125m"

    @Option(
        help: ArgumentHelp(
            "Decoder layers. (default: as many as the shape has)", valueName: "count"))
    var layers: Int?

    func validate() throws { _ = try config() }

    /// The shape of that name.
    func config() throws -> ModelConfig {
        if let layers {
            try require((1...1024).contains(layers), "--layers is \(layers). Use 1 to 1024.")
        }
        return try preset(name, layers: layers)
    }

    /// What is measured, as users read it.
    var title: String {
        layers.map { "\(name) with \($0) layer\($0 == 1 ? "" : "s")," } ?? name
    }
}
