import Foundation
import Synchronization

/// Standard error, which the threads of a command share: whole pieces, and a last word that is last.
package enum StandardError {
    /// Held while a piece is written. A process that ends keeps it.
    private static let turn = Mutex(())
    /// How long a signal waits for a piece that nobody reads, in milliseconds.
    private static let patience: Int32 = 1000

    /// Writes text at once; the work goes on where nobody reads any more.
    ///
    /// Once ``end(_:saying:)`` was called it does not return, so that no thread can report, or end
    /// the process in its own way for, what the end itself has caused.
    package static func write(_ text: String) {
        turn.withLock { _ in put(text) }
    }

    /// Writes text unless nobody reads it: who is asked to end must not wait for that.
    static func writeIfRead(_ text: String) {
        withTurnIfAvailable { putIfRead(text) }
    }

    /// Ends the process with words that nothing follows.
    ///
    /// - Parameter lastWords: Called when no other thread writes any more, or one is stuck in the
    ///   middle of a piece. It may do what the end needs, such as to remove files, and says how that
    ///   went.
    static func end(_ exitCode: Int32, saying lastWords: () -> String) -> Never {
        withTurnIfAvailable {
            putIfRead(lastWords())
            _exit(exitCode)
        }
        _ = lastWords()
        _exit(exitCode)
    }

    private static func withTurnIfAvailable(_ body: () -> Void) {
        for _ in 0..<patience {
            if turn.withLockIfAvailable({ _ in body() }) != nil { return }
            usleep(1_000)
        }
    }

    /// A pipe that poll(2) calls writable has room for any line.
    private static func putIfRead(_ text: String) {
        var end = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        if poll(&end, 1, patience) > 0 { put(text) }
    }

    private static func put(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}
