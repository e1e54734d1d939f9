import ArgumentParser
import EPASConfig
import Foundation

/// A run file and the settings that replace its own.
struct RunFileOptions: ParsableArguments {
    @Argument(
        help: "A run file (YAML); `epas train --help-run-file` lists its keys.",
        completion: .file(extensions: ["yaml", "yml"]))
    var runFile: String?

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp(
            "Replace a setting of the run file, such as training.steps=10. May be repeated.",
            valueName: "key=value")
    )
    var settings: [String] = []

    func validate() throws {
        try require(
            runFile != nil || CommandLine.arguments.contains("--help-run-file"),
            "Name a run file, such as Recipes/demo.yaml.")
    }

    func config() throws -> RunConfig {
        try RunConfig.load(URL(filePath: runFile ?? ""), overrides: settings)
    }
}
