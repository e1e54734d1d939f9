import ArgumentParser
import EPASTraining
import Foundation

@main
struct EPASCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "epas",
        abstract: "Train, evaluate and run LLaMA models with progressive activation sharing.",
        discussion: """
            Results go to standard output, progress and errors to standard error. Exit codes: 0 \
            done, 1 failed, 64 wrong usage, 130 interrupted.

            Environment:
              EPAS_PJRT_PLUGIN  The PJRT plugin, where neither --plugin nor the run file names \
            one: cpu, cuda or a file.
              EPAS_DEPS         Folder of installed plugins. Default: .deps in the working \
            folder, in the program's, or above them.
              EPAS_XLA_LOG      Show XLA's own log; as runtime.xla_log in a run file.
            """,
        version: programVersion,
        subcommands: [
            DataCommand.self, TrainCommand.self, PlanCommand.self, EvaluateCommand.self,
            GenerateCommand.self, ChatCommand.self, ServeCommand.self, InspectCommand.self,
            FLOPsCommand.self,
            ReportCommand.self,
            ProbeCommand.self, ExportCommand.self, TokenizeCommand.self, TemplateCommand.self,
            BenchmarkCommand.self,
        ])

    static func main() {
        Interruption.listen()
        var command: any ParsableCommand
        do {
            command = try parseAsRoot()
        } catch {
            exit(withError: error)
        }
        do {
            try command.run()
        } catch {
            end(error)
        }
    }

    /// Ends the process after a command that failed.
    private static func end(_ error: any Error) -> Never {
        let code = exitCode(for: error)
        // Help that was asked for, and an end that the command has already explained.
        if code.isSuccess || error is ExitCode { exit(withError: error) }
        if case OutputError.closed = error {
        } else {
            printError("Error: \(sentence(about: error))")
        }
        Foundation.exit(code.rawValue)
    }
}
