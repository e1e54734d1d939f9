import EPASJSON
import EPASModel
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore

/// What Hummingbird hands over with a request.
struct ServerContext: InitializableFromSource {
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        channel = source.channel
    }
}

/// Answers requests: finds the route, checks the key, reads the body.
struct RequestResponder: HTTPResponder {
    typealias Context = ServerContext

    let server: InferenceServer

    private enum Route: String {
        case health, metrics, models, model, completions
        case chat = "chat_completions"
        case unknown

        init(path: String) {
            switch path {
            case "/health": self = .health
            case "/metrics": self = .metrics
            case "/v1/models": self = .models
            case "/v1/completions": self = .completions
            case "/v1/chat/completions": self = .chat
            default: self = path.hasPrefix("/v1/models/") ? .model : .unknown
            }
        }

        var methods: [HTTPRequest.Method] {
            switch self {
            case .completions, .chat: [.post]
            default: [.get, .head]
            }
        }
    }

    func respond(to request: Request, context: ServerContext) async throws -> Response {
        let path = request.uri.path
        let route = Route(path: path)
        let log = RequestLog(
            id: Self.makeID(), method: request.method.rawValue, path: path,
            route: route.rawValue, metrics: server.metrics, write: server.options.log)
        var response: Response
        do {
            response = try await answer(request, route, context, log)
        } catch let error as APIError {
            response = Self.response(to: error)
        } catch is CancellationError {
            // Nobody reads this answer.
            response = Response(status: .serviceUnavailable, headers: [.connection: "close"])
            log.finish(RequestLog.clientGone)
        } catch {
            response = Self.response(
                to: APIError(.internalServerError, "\(error)", type: "server_error"))
        }
        if let name = HTTPField.Name("X-Request-Id") { response.headers[name] = log.id }
        if response.headers[.contentType] != EventStream.contentType {
            log.finish(response.status.code)
        }
        if request.method == .head {
            // With the length that GET has.
            response.body = ResponseBody(contentLength: response.body.contentLength) {
                try await $0.finish(nil)
            }
        }
        return response
    }

    private func answer(
        _ request: Request, _ route: Route, _ context: ServerContext, _ log: RequestLog
    ) async throws -> Response {
        if route != .health, !server.options.keys.accept(request.headers[.authorization]) {
            throw APIError(
                .unauthorized,
                "The API key is missing or wrong. Send \"Authorization: Bearer KEY\".",
                code: "invalid_api_key")
        }
        guard route != .unknown else {
            throw APIError(
                .notFound,
                "There is no \(shown(request.uri.path)). Use /v1/completions, "
                    + "/v1/chat/completions, /v1/models, /health or /metrics.",
                code: "not_found")
        }
        guard route.methods.contains(request.method) else {
            throw APIError(
                .methodNotAllowed,
                "\(shown(request.method.rawValue)) is not a method of this path. Use "
                    + "\(route.methods[0].rawValue).",
                code: "method_not_allowed")
        }
        switch route {
        case .health: return Self.json(Array("{\"status\":\"ok\"}".utf8))
        case .metrics:
            let text = MetricsText(
                server.metrics.counts, server.engine.statistics, slots: server.engine.slots,
                share: server.loadCount ?? server.model.sharing.standard
            ).text
            return Response(
                status: .ok, headers: [.contentType: MetricsText.contentType],
                body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        case .models: return Self.json(ModelList(server).all)
        case .model:
            let name = String(request.uri.path.dropFirst("/v1/models/".count))
            let alias = try server.model.alias(of: name.removingPercentEncoding ?? name)
            return Self.json(try ModelList(server).one(alias))
        case .completions, .chat:
            return try await texts(request, context, isChat: route == .chat, log)
        case .unknown: throw APIError(.notFound, "There is no such path.")
        }
    }

    private func texts(
        _ request: Request, _ context: ServerContext, isChat: Bool, _ log: RequestLog
    ) async throws -> Response {
        let connection = try await context.channel.eventLoop.submit {
            try context.channel.pipeline.syncOperations.handler(type: ConnectionHandler.self)
                .connection
        }.get()
        let body = try await BodyReader(server: server).read(request, context.channel)
        // A body that its client cut short ends like a whole one.
        guard !connection.isClosed else { throw CancellationError() }
        let reader = RequestReader(
            model: server.model, vocabulary: server.engine.model.vocabulary,
            maximumSequence: server.engine.maximumSequence, limits: server.options.limits,
            headerCount: try sharingHeader(request), loadCount: server.loadCount)
        let asked = isChat ? try reader.chat(body) : try reader.completion(body)
        log.note(sharing: asked.sharing.text)
        let run = try CompletionRun(
            asked, model: server.model, engine: server.engine, metrics: server.metrics,
            limits: server.options.limits)
        connection.onClose { run.cancel() }
        let writer = AnswerWriter(
            request: asked, model: server.model, name: log.id,
            created: Int(Date.now.timeIntervalSince1970))
        var headers: HTTPFields = [:]
        if let name = HTTPField.Name(SharingHeader.name) {
            headers[name] = "\(asked.sharing.count)"
        }
        if asked.streams {
            headers[.contentType] = EventStream.contentType
            headers[.cacheControl] = "no-cache"
            let stream = EventStream(
                run: run, writer: writer, connection: connection, log: log,
                loop: context.channel.eventLoop)
            return Response(status: .ok, headers: headers, body: stream.body)
        }
        defer { connection.onClose(nil) }
        let (choices, usage) = try await WholeAnswer(asked).collect(run)
        log.note(usage)
        headers[.contentType] = "application/json"
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: writer.answer(choices, usage))))
    }

    private func sharingHeader(_ request: Request) throws(APIError) -> Int? {
        guard let name = HTTPField.Name(SharingHeader.name) else { return nil }
        let values = request.headers[values: name]
        guard let first = values.first else { return nil }
        guard let count = Int(first), "\(count)" == first, values.allSatisfy({ $0 == first }) else {
            throw .invalid(
                SharingHeader.name,
                "\(SharingHeader.name) is \"\(shown(values.joined(separator: ", ")))\". Use a "
                    + "whole number from 0 to \(server.model.sharing.maximum).")
        }
        return count
    }

    // MARK: - Responses

    private static func json(_ bytes: [UInt8]) -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    static func response(to error: APIError) -> Response {
        var response = json(error.json)
        response.status = error.status
        if let seconds = error.retryAfter { response.headers[.retryAfter] = "\(seconds)" }
        if error.closesConnection { response.headers[.connection] = "close" }
        if error.status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer" }
        return response
    }

    /// 24 hexadecimal digits that no other request has.
    private static func makeID() -> String {
        let digits =
            String(UInt64.random(in: 0 ... .max), radix: 16)
            + String(UInt64.random(in: 0 ... .max), radix: 16)
        return String((String(repeating: "0", count: 24) + digits).suffix(24))
    }
}
