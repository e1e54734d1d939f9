internal import Synchronization

/// The number of C objects that a client, and everything made from it, still owns.
///
/// Counting per client lets tests that run side by side each assert that theirs came to zero.
/// The counter may be kept after the client is gone.
package final class LiveObjects: Sendable {
    /// A kind of C object that somebody must destroy.
    package enum Kind: String, Sendable, CaseIterable {
        case client, buffer, event, executable
    }

    private let counts = Mutex<[Kind: Int]>([:])

    /// All clients of the process together.
    package static let process = LiveObjects(parent: nil)

    private let parent: LiveObjects?

    private init(parent: LiveObjects?) {
        self.parent = parent
    }

    /// A counter whose objects also count in ``process``.
    package convenience init() {
        self.init(parent: .process)
    }

    package func count(of kind: Kind) -> Int {
        counts.withLock { $0[kind, default: 0] }
    }

    /// Objects of every kind.
    package var total: Int {
        counts.withLock { $0.values.reduce(0, +) }
    }

    func created(_ kind: Kind) {
        counts.withLock { $0[kind, default: 0] += 1 }
        parent?.created(kind)
    }

    func destroyed(_ kind: Kind) {
        counts.withLock { $0[kind, default: 0] -= 1 }
        parent?.destroyed(kind)
    }
}
