import EPASCheckpoint
import Foundation
import Testing

@Suite("The lock of a run folder")
struct RunLockTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func oneHolderAtATime() throws {
        let run = folder("runs/one")
        var lock: RunLock? = try RunLock(run)
        let error = #expect(throws: CheckpointError.self) { try RunLock(run) }
        #expect(
            error?.description
                == """
                \(run.path): another process is training in this run folder. \
                Wait until it ends, or choose another folder with --output.
                """)
        withExtendedLifetime(lock) {}
        lock = nil
        withExtendedLifetime(try RunLock(run)) {}
        // Another run folder is another lock.
        let first = try RunLock(run)
        let second = try RunLock(folder("runs/two"))
        withExtendedLifetime((first, second)) {}
    }

    @Test func aKilledHolderLeavesNoLock() throws {
        let run = folder("run")
        // Makes the lock file.
        withExtendedLifetime(try RunLock(run)) {}
        let holder = Process()
        holder.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let file = run.appendingPathComponent("lock").path
        holder.arguments = ["flock", "--no-fork", file, "sleep", "600"]
        try holder.run()
        // The holder needs a moment to start; it never gives the lock back by itself.
        var refused = false
        for _ in 0..<1000 where !refused {
            do throws(CheckpointError) {
                withExtendedLifetime(try RunLock(run)) {}
                Thread.sleep(forTimeInterval: 0.01)
            } catch {
                refused = true
            }
        }
        #expect(refused)
        kill(holder.processIdentifier, SIGKILL)
        holder.waitUntilExit()
        withExtendedLifetime(try RunLock(run)) {}
    }

    @Test func aRunFolderThatCannotBeMade() throws {
        let file = try folder.write("file", "")
        let error = #expect(throws: CheckpointError.self) {
            try RunLock(file.appendingPathComponent("run"))
        }
        #expect(error?.problems.first?.hasPrefix("the run folder cannot be created") == true)
    }
}
