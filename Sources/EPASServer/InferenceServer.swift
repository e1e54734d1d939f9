import EPASInference
import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// An OpenAI-compatible server in front of an engine.
package final class InferenceServer: Sendable {
    let engine: any GenerationEngine
    package let model: ServedModel
    let options: ServerOptions
    let metrics = ServerMetrics()
    let bodies: BodyBudget
    let started = Int(Date.now.timeIntervalSince1970)
    private let adaptive: Mutex<AdaptiveShare?>
    private let boundPort = Mutex<Int?>(nil)
    private let stopping = Mutex(Stopping())

    private struct Stopping {
        var isStopping = false
        var group: ServiceGroup?
    }

    package init(
        engine: any GenerationEngine, model: ServedModel, options: ServerOptions = .init()
    ) {
        self.engine = engine
        self.model = model
        self.options = options
        bodies = BodyBudget(options.limits.allBodyBytes)
        adaptive = Mutex(options.adaptiveShare)
    }

    /// The port that the server listens on, once it does.
    package var port: Int? { boundPort.withLock { $0 } }

    /// The region length that a request gets which does not fix one, if load decides.
    var loadCount: Int? { adaptive.withLock { $0?.count } }

    /// Serves until ``stop()``, and finishes what runs then.
    ///
    /// - Parameter whenListening: Called with the port.
    /// - Throws: ``ListenError`` if the address cannot be had.
    package func run(whenListening: @escaping @Sendable (Int) -> Void = { _ in }) async throws {
        var logger = Logger(label: "epas.server") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .critical
        let limits = options.limits
        let channel = HTTP1Channel.Configuration(
            additionalChannelHandlers: [
                ConnectionHandler(limits: limits, metrics: self.metrics)
            ])
        let application = Application(
            responder: RequestResponder(server: self),
            server: .http1(configuration: channel),
            configuration: ApplicationConfiguration(
                address: .hostname(options.host, port: options.port), serverName: "epas",
                availableConnectionsDelegate: MaximumAvailableConnections(
                    limits.connections, logger: logger)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? 0
                self.boundPort.withLock { $0 = port }
                whenListening(port)
            },
            logger: logger)
        var configuration = ServiceGroupConfiguration(
            services: [
                .init(service: application),
                .init(service: LoadWatch(server: self)),
            ], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(limits.drainSeconds)
        let group = ServiceGroup(configuration: configuration)
        let isStopped = stopping.withLock { stopping in
            stopping.group = group
            return stopping.isStopping
        }
        if isStopped { await group.triggerGracefulShutdown() }
        do {
            try await group.run()
        } catch {
            guard port != nil else {
                throw ListenError(host: options.host, port: options.port, cause: error)
            }
            // After the time to finish, what still runs is cancelled, which is no failure.
            guard stopping.withLock({ $0.isStopping }) else { throw error }
        }
    }

    /// Takes no more requests, finishes those that run, and ends ``run(whenListening:)``.
    package func stop() async {
        let group = stopping.withLock { stopping in
            stopping.isStopping = true
            return stopping.group
        }
        engine.stopAccepting()
        await group?.triggerGracefulShutdown()
    }

    fileprivate func observeLoad(at time: Double) {
        let statistics = engine.statistics
        adaptive.withLock {
            $0?.observe(
                .init(
                    running: statistics.running, waiting: statistics.waiting, slots: engine.slots),
                at: time)
        }
    }
}

/// An address that a server cannot have.
package struct ListenError: Error, CustomStringConvertible {
    package let host: String
    package let port: Int
    let cause: any Error

    package var description: String {
        let place = "\(host), port \(port)"
        switch cause {
        case is SocketAddressError.UnknownHost:
            return "There is no address \(place). Name one of this machine's, such as 127.0.0.1."
        case let error as IOError:
            let reason = String(cString: strerror(error.errnoCode))
            return "The server cannot listen on \(place): \(reason). Use another address or port."
        default:
            return "The server cannot listen on \(place): \(cause). Use another address or port."
        }
    }
}

/// Looks at the engine's load a few times a second.
private struct LoadWatch: Service {
    let server: InferenceServer

    func run() async throws {
        let start = ContinuousClock.now
        guard server.options.adaptiveShare != nil else {
            try? await gracefulShutdown()
            return
        }
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                server.observeLoad(at: (ContinuousClock.now - start).seconds)
                try? await Task.sleep(for: .milliseconds(100))
            }
        }
    }
}

/// Bytes of bodies that are in memory before they are read.
final class BodyBudget: Sendable {
    private let free: Mutex<Int>

    init(_ bytes: Int) {
        free = Mutex(bytes)
    }

    /// Takes bytes, unless so many are not left.
    func take(_ bytes: Int) -> Bool {
        free.withLock { free in
            guard bytes <= free else { return false }
            free -= bytes
            return true
        }
    }

    func give(_ bytes: Int) { free.withLock { $0 += bytes } }
}
