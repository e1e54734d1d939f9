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

    @Test("end a command though nobody reads its errors", arguments: [SIGINT, SIGTERM])
    func unread(signal: Int32) throws {
        let errors = Pipe()
        let end = errors.fileHandleForWriting
        let flags = fcntl(end.fileDescriptor, F_GETFL)
        #expect(fcntl(end.fileDescriptor, F_SETFL, flags | O_NONBLOCK) == 0)
        let block = [UInt8](repeating: 0, count: 4096)
        while write(end.fileDescriptor, block, block.count) > 0 {}
        #expect(errno == EAGAIN)
        #expect(fcntl(end.fileDescriptor, F_SETFL, flags) == 0)
        // A server says first that it compiles, and is stuck with that.
        let program = try Program(
            ["serve", "runs/run", "--port", "0"], in: Pipeline.get().folder, errorTerminal: end)
        while program.isRunning, !program.catches(signal) { usleep(1_000) }
        usleep(300_000)
        program.send(signal)
        #expect(try program.result().status == 130)
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
