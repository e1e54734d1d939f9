import Foundation
import Synchronization

/// SIGINT and SIGTERM: what a program does when it is asked to end.
///
/// Unless told otherwise, the process ends with ``exitCode``. A run that saves first claims the
/// first signal with ``claimFirst(saying:)`` and asks for ``received`` between any two device
/// calls; the second signal then ends the process.
package enum Interruption {
    /// The exit code of an interrupted command, whichever signal it was.
    package static let exitCode: Int32 = 130

    private struct State {
        var received: Int32?
        /// What is said of a first signal that the run takes care of; `nil` ends the process.
        var claim: String?
        var farewell = "Interrupted."
        var cleanUp: (@Sendable () -> Void)?
    }

    private static let state = Mutex(State())

    /// Starts listening, in place of the signals' default action.
    ///
    /// A reader of the output that goes away, and a limit on the size of files, no longer end the
    /// process either: writing fails instead, so that the command can say what happened.
    ///
    /// Has to come before the first other thread: the signals are blocked in the calling thread,
    /// and in those that it starts, and left to a thread that waits for them.
    package static func listen() {
        for number in [SIGPIPE, SIGXFSZ] { _ = signal(number, SIG_IGN) }
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let thread = Thread { [signals] in
            var (signals, number) = (signals, Int32(0))
            while sigwait(&signals, &number) == 0 { handle(number) }
        }
        thread.name = "epas.signals"
        thread.start()
    }

    /// The first signal that came since ``claimFirst(saying:)``, if any.
    package static var received: Int32? { state.withLock { $0.received } }

    /// Leaves the first signal to the caller, who asks for ``received``.
    ///
    /// - Parameter notice: What the user reads when it comes.
    package static func claimFirst(saying notice: String) {
        state.withLock { $0.claim = notice }
    }

    /// Sets what is done, and then said, before a signal ends the process.
    package static func beforeExit(
        saying farewell: String, _ cleanUp: @escaping @Sendable () -> Void
    ) {
        state.withLock {
            $0.farewell = farewell
            $0.cleanUp = cleanUp
        }
    }

    private static func handle(_ number: Int32) {
        let (claim, farewell, cleanUp) = state.withLock { state in
            let isFirst = state.received == nil
            state.received = number
            return (isFirst ? state.claim : nil, state.farewell, state.cleanUp)
        }
        if let claim { return say(claim) }
        cleanUp?()
        say(farewell)
        _exit(exitCode)
    }

    private static func say(_ text: String) {
        // A half-drawn progress line makes room.
        let start = isatty(STDERR_FILENO) == 1 ? "\r\u{1b}[K" : ""
        try? FileHandle.standardError.write(contentsOf: Data("\(start)\(text)\n".utf8))
    }
}
