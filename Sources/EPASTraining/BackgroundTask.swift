import Foundation
import Synchronization

/// A result that a thread of its own is working on.
///
/// For work that blocks for seconds to minutes, such as compiling a program, and so does not belong
/// on the cooperative pool.
package final class BackgroundTask<Value: Sendable>: Sendable {
    private let outcome = Mutex<Result<Value, any Error>?>(nil)
    private let done = DispatchSemaphore(value: 0)

    /// Starts the work.
    package init(_ name: String, _ work: @escaping @Sendable () throws -> Value) {
        let thread = Thread { [self] in
            let result = Result { try work() }
            outcome.withLock { $0 = result }
            done.signal()
        }
        thread.name = name
        thread.stackSize = 64 << 20
        thread.start()
    }

    package var isFinished: Bool { outcome.withLock { $0 != nil } }

    /// Waits for the result, or returns `nil` as soon as `stop` says so (asked 20 times a second).
    ///
    /// - Throws: What the work threw.
    package func wait(until stop: () -> Bool = { false }) throws -> Value? {
        while true {
            if let result = outcome.withLock({ $0 }) { return try result.get() }
            if stop() { return nil }
            if done.wait(timeout: .now() + .milliseconds(50)) == .success { done.signal() }
        }
    }
}
