import Synchronization

/// Whether a client is still there.
final class Connection: Sendable {
    private struct State {
        var isClosed = false
        var action: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Sets what is done when the client goes, at once if it has gone; replaces what was set.
    func onClose(_ action: (@Sendable () -> Void)?) {
        let isClosed = state.withLock { state in
            state.action = state.isClosed ? nil : action
            return state.isClosed
        }
        if isClosed { action?() }
    }

    func close() {
        let action = state.withLock { state in
            state.isClosed = true
            defer { state.action = nil }
            return state.action
        }
        action?()
    }
}
