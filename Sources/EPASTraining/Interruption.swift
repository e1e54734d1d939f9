import Dispatch
import Foundation
import Synchronization

/// Notices SIGINT and SIGTERM, so that a run can save before it ends.
///
/// The first signal is noted and left to the run, which asks ``received`` between any two device
/// calls. A second one ends the process at once.
package final class Interruption: Sendable {
    private let signal = Mutex<Int32?>(nil)
    private let sources: [any DispatchSourceSignal]

    /// Starts listening; at most one object at a time should.
    package init() {
        let queue = DispatchQueue(label: "epas.signals")
        sources = [SIGINT, SIGTERM].map { number in
            // The default action would end the process before the source hears of it.
            _ = Foundation.signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: queue)
        }
        for (source, number) in zip(sources, [SIGINT, SIGTERM]) {
            source.setEventHandler { [weak self] in
                guard let self else { return }
                let isSecond = signal.withLock { noted in
                    defer { noted = noted ?? number }
                    return noted != nil
                }
                if isSecond { _exit(128 + number) }
            }
            source.resume()
        }
    }

    deinit {
        for source in sources { source.cancel() }
        for number in [SIGINT, SIGTERM] { _ = Foundation.signal(number, SIG_DFL) }
    }

    /// The first signal that came, if any.
    package var received: Int32? { signal.withLock { $0 } }
}
