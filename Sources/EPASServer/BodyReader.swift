import EPASJSON
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Receives a request's body, within bounds.
struct BodyReader {
    let server: InferenceServer

    func read(_ request: Request, _ channel: any Channel) async throws -> [UInt8] {
        let limit = server.options.limits.bodyBytes
        try checkType(request)
        if let text = request.headers[.contentLength] {
            // One that is no number, or does not fit, is long for all we know.
            guard let length = Int(text), length <= limit else { throw Self.tooLong(limit) }
        }
        if request.headers[.expect]?.lowercased() == "100-continue" {
            try? await channel.writeAndFlush(
                HTTPResponsePart.head(HTTPResponse(status: .continue)))
        }
        var taken = 0
        defer { server.bodies.give(taken) }
        var body: [UInt8] = []
        do {
            for try await part in request.body {
                let count = part.readableBytes
                guard body.count + count <= limit else { throw Self.tooLong(limit) }
                guard server.bodies.take(count) else {
                    throw APIError(
                        .serviceUnavailable,
                        "Other requests fill the memory for bodies. Try again later.",
                        type: "server_error", code: "overloaded", retryAfter: 1,
                        closesConnection: true)
                }
                taken += count
                body.append(contentsOf: part.readableBytesView)
            }
        } catch is ConnectionHandler.LateBody {
            throw APIError(
                .requestTimeout,
                "The body did not arrive within \(server.options.limits.bodySeconds) seconds. "
                    + "Send it faster.",
                closesConnection: true)
        } catch let error as HTTPParserError {
            // The client went before the body's end.
            if error == .invalidEOFState { throw CancellationError() }
            throw APIError(malformed: error, "body")
        } catch is IOError {
            throw CancellationError()
        }
        return body
    }

    private func checkType(_ request: Request) throws(APIError) {
        let type = request.headers[.contentType] ?? ""
        let essence = type.split(separator: ";", maxSplits: 1).first ?? ""
        // Strict, since a web page may send other types to any address without being asked.
        guard essence.trimmingSpaces.lowercased() == "application/json" else {
            throw APIError(
                .unsupportedMediaType,
                "The Content-Type is \(type.isEmpty ? "missing" : "\"\(shown(type))\""). Send "
                    + "application/json.",
                closesConnection: true)
        }
        let coding = request.headers[.transferEncoding] ?? "chunked"
        guard coding.lowercased() == "chunked" else {
            throw APIError(
                .badRequest,
                "The Transfer-Encoding is \"\(shown(coding))\". Send chunked, or the length.",
                closesConnection: true)
        }
        if let encoding = request.headers[.contentEncoding],
            encoding.lowercased() != "identity"
        {
            throw APIError(
                .unsupportedMediaType,
                "The Content-Encoding is \"\(shown(encoding))\". Send the body as it is.",
                closesConnection: true)
        }
    }

    private static func tooLong(_ limit: Int) -> APIError {
        APIError(
            .contentTooLarge, "The body has more than \(limit) bytes. Send less at once.",
            code: "body_too_large", closesConnection: true)
    }
}

extension APIError {
    /// What is not HTTP ends the connection: nobody knows where the next request begins.
    init(malformed error: HTTPParserError, _ part: String) {
        if error == .headerOverflow {
            self.init(
                .requestHeaderFieldsTooLarge, "The headers are too long. Send shorter ones.",
                closesConnection: true)
            return
        }
        // Some of the parser's errors say nothing but that they are the parser's.
        let text = "\(error)"
        let reason = text.contains("parser error") ? "" : " (\(text))"
        self.init(
            .badRequest, "The \(part) is not valid HTTP\(reason). Correct it.",
            closesConnection: true)
    }
}

extension Substring {
    fileprivate var trimmingSpaces: Substring {
        var text = self
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }
}
