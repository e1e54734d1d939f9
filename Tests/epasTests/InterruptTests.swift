import Foundation
import Testing

@Suite("SIGINT and SIGTERM")
struct InterruptTests {
    @Test("end any command with code 130", arguments: [SIGINT, SIGTERM])
    func benchmark(signal: Int32) throws {
        let program = try Program([
            "benchmark", "train", "--model", "tiny", "--steps", "1000000", "--batch", "1",
            "--sequence", "8",
        ])
        while program.isRunning, !program.catches(signal) { usleep(1_000) }
        // To be in the midst of it.
        usleep(300_000)
        program.send(signal)
        let result = try program.result()
        #expect(result.status == 130)
        #expect(result.output == "")
        #expect(result.errors == "Interrupted.\n")
    }

    @Test("save a training run, which goes on from there", arguments: [SIGINT, SIGTERM])
    func train(signal: Int32) throws {
        let folder = try Pipeline.get().folder
        let run = ["train", "run.yaml", "--output", "runs/interrupted \(signal)"]
        let long = run + ["--set", "checkpoint.every=0", "--set", "validation.every=0"]
        let program = try Program(long + ["--set", "training.steps=1000000"], in: folder)
        while program.isRunning, !program.errorsSoFar.contains("step 5/") { usleep(10_000) }
        program.send(signal)
        let result = try program.result()
        #expect(result.status == 130)
        #expect(result.output == "")
        #expect(
            result.errors.contains("Saving before the end; a second signal ends at once.\n"))
        #expect(result.errors.hasSuffix("\nInterrupted; continue with --resume.\n"))
        let saved = try #require(result.errors.firstMatch(of: #/saved step-0*(\d+)/#)?.1)
        let resumed = try Program.run(
            long + ["--resume", "--set", "training.steps=\(Int(saved)! + 2)"], in: folder)
        #expect(resumed.status == 0, "\(resumed.errors)")
        #expect(resumed.errors.hasPrefix("Continuing after step \(saved) from "))
    }
}
