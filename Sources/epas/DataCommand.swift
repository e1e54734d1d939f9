import ArgumentParser

/// Groups the commands about data.
struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "Prepare text for training, and look at it.",
        subcommands: [DataPrepareCommand.self, DataBatchesCommand.self])
}
