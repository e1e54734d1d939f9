/// Bounds on what one client, or all together, can make the server do.
package struct ServerLimits: Hashable, Sendable {
    /// Bytes of a request's body.
    package var bodyBytes = 8 << 20
    /// Bytes of all bodies that are being received at once.
    package var allBodyBytes = 256 << 20
    /// Seconds to receive a request's headers on a new connection.
    package var headerSeconds = 10.0
    /// Seconds to receive the rest of a request.
    package var bodySeconds = 30.0
    /// Seconds that a connection may stay open without a request.
    package var idleSeconds = 75.0
    /// Seconds to answer a request.
    package var answerSeconds = 600.0
    /// Seconds in which a reader that lags must take ``slowestReader`` bytes a second.
    package var stallSeconds = 10.0
    package var slowestReader = 1 << 10
    /// Connections open at once.
    package var connections = 4096
    /// Texts that one request asks for: prompts times `best_of`.
    package var choices = 128
    /// New tokens of one text; `nil` is the longest sequence.
    package var maximumTokens: Int?
    /// Alternatives per position.
    package var logProbabilities = 20
    package var stopStrings = 64
    /// Bytes of one stop string.
    package var stopBytes = 1 << 10
    package var biases = 1 << 10
    package var messages = 4096
    /// Seconds to finish running requests after the server was asked to end.
    package var drainSeconds = 30.0

    package init() {}
}
