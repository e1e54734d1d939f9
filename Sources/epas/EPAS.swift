import ArgumentParser

@main
struct EPASCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "epas",
        abstract: "Train, evaluate and run LLaMA models with progressive activation sharing.",
        subcommands: [
            DataCommand.self, TrainCommand.self, PlanCommand.self, EvaluateCommand.self,
            GenerateCommand.self, InspectCommand.self, FLOPsCommand.self, ReportCommand.self,
            ProbeCommand.self,
            BenchmarkCommand.self, TokenizeCommand.self,
        ])
}
