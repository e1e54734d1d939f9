package import EPASData

/// How far a run has come: all of its state that is not on the device.
package struct RunProgress: Hashable, Sendable, Codable {
    /// Steps done.
    package var step = 0
    /// Tokens trained on.
    package var tokens = 0
    /// Sum of the steps' wall times.
    package var elapsedSeconds = 0.0
    /// Where the next batch starts.
    package var cursor = Cursor.start

    package init() {}

    package init(step: Int, tokens: Int, elapsedSeconds: Double, cursor: Cursor) {
        self.step = step
        self.tokens = tokens
        self.elapsedSeconds = elapsedSeconds
        self.cursor = cursor
    }
}
