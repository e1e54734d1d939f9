import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Watches one connection: deadlines for what it receives, readers that lag, clients that go,
/// and bytes that are not HTTP.
///
/// Hummingbird tells a handler neither that its client has gone nor how long a body takes.
final class ConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// A request whose body did not arrive in time.
    struct LateBody: Error {}

    let connection = Connection()
    private let limits: ServerLimits
    private let metrics: ServerMetrics
    private var deadline: Scheduled<Void>?
    private var stall: Scheduled<Void>?
    private var isCounted = false
    /// Requests whose answer has not ended.
    private var open = 0
    private var isReceiving = false
    /// Whether the answer being written, or written last, ends the connection.
    private var isLast = false
    private var isLingering = false

    /// Seconds in which a client may read the last answer before the connection is closed:
    /// closing at once, with unread bytes, would destroy the answer on its way.
    private static let lingerSeconds = 2.0

    init(limits: ServerLimits, metrics: ServerMetrics) {
        self.limits = limits
        self.metrics = metrics
    }

    // MARK: - Deadlines

    private func arm(
        _ context: ChannelHandlerContext, _ seconds: Double,
        _ action: @escaping (ChannelHandlerContext) -> Void
    ) {
        deadline?.cancel()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(seconds)) {
            action(context)
        }
    }

    private func disarm() {
        deadline?.cancel()
        deadline = nil
    }

    private func armClosing(_ context: ChannelHandlerContext, _ seconds: Double) {
        arm(context, seconds) { $0.close(promise: nil) }
    }

    private func bodyIsLate(_ context: ChannelHandlerContext) {
        if open == 0 {
            context.close(promise: nil)
        } else {
            context.fireErrorCaught(LateBody())
        }
    }

    // MARK: - Connection

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { begin(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard !isCounted else { return }
        isCounted = true
        metrics.connectionOpened()
        armClosing(context, limits.headerSeconds)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    private func end() {
        disarm()
        stall?.cancel()
        if isCounted { metrics.connectionClosed() }
        isCounted = false
        connection.close()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // A client that says no more is taken to have gone: HTTP clients do not half-close.
        if case ChannelEvent.inputClosed = event { connection.close() }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: - Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isLingering else { return }
        switch unwrapInboundIn(data) {
        case .head:
            open += 1
            isReceiving = true
            arm(context, limits.bodySeconds, bodyIsLate)
        case .body: break
        case .end:
            isReceiving = false
            if open == 0 { armClosing(context, limits.idleSeconds) } else { disarm() }
        }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError, open == 0 else {
            context.fireErrorCaught(error)
            return
        }
        guard !isLingering, !isLast else { return }
        let refusal = APIError(malformed: error, "request")
        let body = ByteBuffer(bytes: refusal.json)
        var head = HTTPResponse(status: refusal.status)
        head.headerFields[.contentType] = "application/json"
        head.headerFields[.contentLength] = "\(body.readableBytes)"
        head.headerFields[.connection] = "close"
        metrics.answered(route: "malformed", status: refusal.status.code)
        write(context: context, data: wrapOutboundOut(.head(head)), promise: nil)
        write(context: context, data: wrapOutboundOut(.body(body)), promise: nil)
        write(context: context, data: wrapOutboundOut(.end(nil)), promise: nil)
        context.flush()
    }

    // MARK: - Answers

    func write(
        context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?
    ) {
        switch unwrapOutboundIn(data) {
        case .head(let head):
            if head.status.kind != .informational {
                isLast = head.headerFields[.connection] == "close"
            }
            context.write(data, promise: promise)
        case .body: context.write(data, promise: promise)
        case .end:
            open = max(0, open - 1)
            guard isLast else {
                if open == 0, !isReceiving { armClosing(context, limits.idleSeconds) }
                context.write(data, promise: promise)
                return
            }
            let written = promise ?? context.eventLoop.makePromise(of: Void.self)
            written.futureResult.assumeIsolated().whenComplete { _ in self.linger(context) }
            context.write(data, promise: written)
        }
    }

    /// Says no more, and gives the client time to read what was said.
    private func linger(_ context: ChannelHandlerContext) {
        guard !isLingering, isCounted else { return }
        isLingering = true
        context.close(mode: .output, promise: nil)
        armClosing(context, Self.lingerSeconds)
    }

    // MARK: - Readers that lag

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stall?.cancel()
        stall = nil
        if !context.channel.isWritable { watchStall(context, since: buffered(context)) }
        context.fireChannelWritabilityChanged()
    }

    /// Bytes that wait for the reader: writers wait too, so the number only shrinks.
    private func buffered(_ context: ChannelHandlerContext) -> Int {
        let bytes = try? context.channel.syncOptions?.getOption(
            ChannelOptions.Types.BufferedWritableBytesOption())
        return bytes ?? 0
    }

    private func watchStall(_ context: ChannelHandlerContext, since before: Int) {
        let seconds = limits.stallSeconds
        stall = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(seconds)) {
            let now = self.buffered(context)
            if Double(before - now) < Double(self.limits.slowestReader) * seconds {
                context.close(promise: nil)
            } else {
                self.watchStall(context, since: now)
            }
        }
    }
}

extension TimeAmount {
    fileprivate static func seconds(_ seconds: Double) -> TimeAmount {
        .nanoseconds(Int64((min(max(seconds, 0), 1e8) * 1e9)))
    }
}
