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
            leave(.success)
        } catch {
            end(error)
        }
    }

    /// Ends the process after a command that failed.
    private static func end(_ error: any Error) -> Never {
        let code = exitCode(for: error)
        switch error {
        // The command has explained it, or nobody is left to read why.
        case is ExitCode, OutputError.closed: break
        // Help that was asked for.
        case _ where code.isSuccess: exit(withError: error)
        default: printError("Error: \(sentence(about: error))")
        }
        leave(code)
    }

    /// Ends the process, whatever its threads do.
    ///
    /// A program may still be compiled, or run, in the background. `exit` would destroy the plugin's
    /// globals under it.
    static func leave(_ code: ExitCode) -> Never {
        fflush(nil)
        _exit(code.rawValue)
    }
}
