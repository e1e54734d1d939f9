import ArgumentParser

/// `epas template`: commands about chat templates.
struct TemplateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "template",
        abstract: "Work with chat templates.",
        subcommands: [TemplateRenderCommand.self])
}
