import EPASInference
import Synchronization

/// Counts of what the server did, for `/metrics`.
final class ServerMetrics: Sendable {
    /// Upper bounds of the histograms' buckets, seconds.
    static let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

    struct Histogram {
        var counts = [Int](repeating: 0, count: ServerMetrics.bounds.count + 1)
        var sum = 0.0

        mutating func add(_ value: Double) {
            let index = ServerMetrics.bounds.firstIndex { value <= $0 }
            counts[index ?? ServerMetrics.bounds.count] += 1
            sum += value
        }
    }

    struct Label: Hashable {
        let route: String
        let status: Int
    }

    struct Counts {
        var answers: [Label: Int] = [:]
        var seconds = Histogram()
        var firstTokenSeconds = Histogram()
        var tokenSeconds = Histogram()
        /// Texts by the number of layers that shared.
        var texts: [Int: Int] = [:]
        var disconnects = 0
        var connections = 0
        var open = 0
    }

    private let state = Mutex(Counts())

    var counts: Counts { state.withLock { $0 } }

    func answered(route: String, status: Int) {
        state.withLock { $0.answers[Label(route: route, status: status), default: 0] += 1 }
    }

    func took(_ seconds: Double) { state.withLock { $0.seconds.add(seconds) } }
    func firstToken(after seconds: Double) {
        state.withLock { $0.firstTokenSeconds.add(seconds) }
    }
    func token(after seconds: Double) { state.withLock { $0.tokenSeconds.add(seconds) } }
    func text(sharing count: Int) { state.withLock { $0.texts[count, default: 0] += 1 } }
    func disconnected() { state.withLock { $0.disconnects += 1 } }

    func connectionOpened() {
        state.withLock {
            $0.connections += 1
            $0.open += 1
        }
    }

    func connectionClosed() { state.withLock { $0.open -= 1 } }
}
