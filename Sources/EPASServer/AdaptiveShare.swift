/// Lengthens the sharing region while requests queue, and shortens it again when they do not.
///
/// Steps go one by one, each only after the load has lasted: a region that follows every
/// fluctuation would compile and evict programs and prefixes all the time.
package struct AdaptiveShare: Hashable, Sendable {
    /// What the engine is doing.
    package struct Load: Hashable, Sendable {
        package var running: Int
        package var waiting: Int
        package var slots: Int

        package init(running: Int, waiting: Int, slots: Int) {
            self.running = running
            self.waiting = waiting
            self.slots = slots
        }

        /// Whether a request that comes now would wait.
        var isHigh: Bool { waiting > 0 || running >= slots }
        /// Whether half of the slots are free; between the two the length stays.
        var isLow: Bool { waiting == 0 && running <= slots / 2 }
    }

    package let minimum: Int
    package let maximum: Int
    /// Layers per step.
    package let step: Int
    /// Seconds of high load before a step up, of low load before a step down.
    package let patienceUp: Double
    package let patienceDown: Double

    /// Layers that share at present.
    package private(set) var count: Int
    /// When the load became what it is; `nil` while it is neither high nor low.
    private var since: Double?
    private var wasHigh = false

    /// - Precondition: `0 <= minimum <= maximum`, `step >= 1`.
    package init(
        from minimum: Int, to maximum: Int, step: Int = 1, patienceUp: Double = 0.5,
        patienceDown: Double = 5
    ) {
        precondition(minimum >= 0 && minimum <= maximum && step >= 1, "an impossible range")
        self.minimum = minimum
        self.maximum = maximum
        self.step = step
        self.patienceUp = patienceUp
        self.patienceDown = patienceDown
        count = minimum
    }

    /// Takes note of the load at a time, in seconds that do not run backwards.
    package mutating func observe(_ load: Load, at time: Double) {
        guard load.isHigh || load.isLow else {
            since = nil
            return
        }
        guard let start = since, wasHigh == load.isHigh else {
            since = time
            wasHigh = load.isHigh
            return
        }
        guard time - start >= (load.isHigh ? patienceUp : patienceDown) else { return }
        count =
            load.isHigh ? min(maximum, count + step) : max(minimum, count - step)
        since = time
    }
}
