import Foundation
import Synchronization

/// Standard error, which the threads of a command share: whole pieces, and a last word that is last.
package enum StandardError {
    /// Held while a piece is written. A process that ends keeps it.
    private static let turn = Mutex(())
    /// How long the end waits for a piece that nobody reads, in milliseconds.
    private static let patience = 1000

    /// Writes text at once; the work goes on where nobody reads any more.
    ///
    /// Once ``end(_:saying:)`` was called it does not return, so that no thread can report, or end
    /// the process in its own way for, what the end itself has caused.
    package static func write(_ text: String) {
        turn.withLock { _ in put(text) }
    }

    /// Ends the process with words that nothing follows.
    ///
    /// - Parameter lastWords: Called when no other thread writes any more. It may do what the end
    ///   needs, such as to remove files, and says how that went.
    static func end(_ exitCode: Int32, saying lastWords: () -> String) -> Never {
        for _ in 0..<patience {
            _ = turn.withLockIfAvailable { _ in say(lastWords(), exitCode) }
            usleep(1_000)
        }
        // Somebody is stuck in the middle of a piece. That must not keep the user from ending it.
        say(lastWords(), exitCode)
    }

    private static func say(_ text: String, _ exitCode: Int32) -> Never {
        put(text)
        _exit(exitCode)
    }

    private static func put(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}
