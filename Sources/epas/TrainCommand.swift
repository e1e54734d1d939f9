import ArgumentParser
import EPASConfig
import EPASTraining
import Foundation

/// `epas train`: one run, in its folder.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train a model while its sharing region grows.",
        discussion: """
            Writes runs/NAME (or --output): run.yaml, metrics.jsonl and checkpoints. A first SIGINT \
            or SIGTERM saves and ends the run with code 130, a second one ends it at once; --resume \
            continues it bit for bit.
            """)

    @OptionGroup var file: RunFileOptions

    @Option(
        help: ArgumentHelp(
            "The run folder. (default: runs/ and the run file's name)", valueName: "folder"))
    var output: String?

    @Flag(help: "Continue from the run folder's last good checkpoint.")
    var resume = false

    @Flag(help: "Print every key of a run file and its default.")
    var helpRunFile = false

    func run() throws {
        if helpRunFile {
            try printLine(RunFileHelp.text)
            return
        }
        TrainingMemory.useHugePages()
        let config = try file.config()
        let name = URL(filePath: file.runFile ?? "").deletingPathExtension().lastPathComponent
        let folder = URL(filePath: output ?? "runs/\(name)")
        if config.runtime.showsXLALog { setenv("EPAS_XLA_LOG", "1", 1) }
        let (client, cache) = try openRuntime(
            plugin: config.runtime.plugin, threads: config.runtime.threads,
            cache: config.runtime.cache)

        Interruption.claimFirst(saying: "Saving before the end; a second signal ends at once.")
        let display = TrainingDisplay(steps: config.training.steps)
        let trainer = try Trainer.open(
            config, folder: folder, resuming: resume, client: client, cache: cache,
            report: display.show)
        var code = ExitCode.success
        do {
            let ending = try trainer.run()
            display.end()
            switch ending {
            case .finished:
                printError("Finished: \(folder.path)")
            case .interrupted:
                printError("Interrupted; continue with --resume.")
                code = ExitCode(Interruption.exitCode)
            }
        } catch {
            display.end()
            printError("Error: \(sentence(about: error))")
            code = Self.exitCode(for: error)
        }
        // Before the trainer is given back, which may still compile in the background.
        EPASCommand.leave(code)
    }
}
