/// How a server is reached and what it allows.
package struct ServerOptions: Sendable {
    package var host = "127.0.0.1"
    /// 0 takes a free port.
    package var port = 8000
    package var keys = APIKeys([])
    package var limits = ServerLimits()
    /// Lengthens the region of requests that do not fix one while requests queue.
    package var adaptiveShare: AdaptiveShare?
    /// Receives one line per request; `nil` writes none.
    package var log: (@Sendable (String) -> Void)?

    package init() {}
}
