import Foundation
import Synchronization

/// The first of SIGINT and SIGTERM that came, or 0. A signal handler may only touch atomics.
private let noted = Atomic<Int32>(0)

/// Notices SIGINT and SIGTERM, so that a run can save before it ends.
///
/// The first signal is noted and left to the run, which asks ``received`` between any two device
/// calls. A second one ends the process at once.
package enum Interruption {
    /// Starts listening, in place of the signals' default action.
    ///
    /// A reader of the output that goes away, and a limit on the size of files, no longer end the
    /// process either: writing fails instead, so that the run can say what happened.
    package static func listen() {
        // Globals are made when first used, which a handler must not do.
        _ = noted.load(ordering: .relaxed)
        for number in [SIGPIPE, SIGXFSZ] { _ = signal(number, SIG_IGN) }
        for number in [SIGINT, SIGTERM] {
            _ = signal(number) { number in
                let (isFirst, _) = noted.compareExchange(
                    expected: 0, desired: number, ordering: .relaxed)
                if !isFirst { _exit(128 + number) }
            }
        }
    }

    /// The first signal that came since ``listen()``, if any.
    package static var received: Int32? {
        let number = noted.load(ordering: .relaxed)
        return number == 0 ? nil : number
    }
}
