import ArgumentParser

/// `--json`, as every command with a table takes it.
struct JSONOption: ParsableArguments {
    @Flag(name: .customLong("json"), help: "Print JSON, one object a line, instead of text.")
    var isOn = false
}
