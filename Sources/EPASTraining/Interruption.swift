import Foundation
import Synchronization

/// Where the signal handler writes the signal's number.
private let wakingEnd = Atomic<Int32>(-1)

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
        var beforeExit: @Sendable () -> String = { "Interrupted." }
    }

    private static let state = Mutex(State())

    /// Starts listening, in place of the signals' default action.
    ///
    /// A signal handler may do next to nothing, so it only wakes a thread of ours.
    ///
    /// A reader of the output that goes away, and a limit on the size of files, no longer end the
    /// process either: writing fails instead, so that the command can say what happened.
    package static func listen() {
        for number in [SIGPIPE, SIGXFSZ] { _ = signal(number, SIG_IGN) }
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        wakingEnd.store(ends[1], ordering: .relaxed)
        let thread = Thread { [ends] in
            var number: UInt8 = 0
            while true {
                let count = read(ends[0], &number, 1)
                if count == 1 { handle(Int32(number)) } else if errno != EINTR { return }
            }
        }
        thread.name = "epas.signals"
        thread.start()
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                let code = errno
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(wakingEnd.load(ordering: .relaxed), &byte, 1)
                errno = code
            }
        }
        // Whoever started the program may have blocked them, as threads of libdispatch do.
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM] { sigaddset(&signals, number) }
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    /// The first signal that came since ``claimFirst(saying:)``, if any.
    package static var received: Int32? { state.withLock { $0.received } }

    /// Leaves the first signal to the caller, who asks for ``received``.
    ///
    /// - Parameter notice: What the user reads when it comes.
    package static func claimFirst(saying notice: String) {
        state.withLock { $0.claim = notice }
    }

    /// Lets signals end the process again, and forgets one that came.
    package static func release() {
        state.withLock {
            $0.claim = nil
            $0.received = nil
        }
    }

    /// Sets what is done before a signal ends the process; it gives the sentence that is then said.
    ///
    /// No other thread writes to standard error from then on.
    package static func beforeExit(_ cleanUp: @escaping @Sendable () -> String) {
        state.withLock { $0.beforeExit = cleanUp }
    }

    private static func handle(_ number: Int32) {
        let ending: State? = state.withLock { state in
            guard state.received == nil, let claim = state.claim else { return state }
            // Said before the run can know, so that what it says comes after.
            StandardError.writeIfRead(line(claim))
            state.received = number
            return nil
        }
        guard let ending else { return }
        StandardError.end(exitCode) { line(ending.beforeExit()) }
    }

    private static func line(_ text: String) -> String {
        // A half-drawn progress line makes room.
        (isatty(STDERR_FILENO) == 1 ? "\r\u{1b}[K" : "") + text + "\n"
    }
}
