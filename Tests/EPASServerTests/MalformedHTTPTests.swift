import EPASJSON
import Testing

@testable import EPASServer

@Suite("Malformed HTTP")
struct MalformedHTTPTests {
    /// Bytes that are no request, and the words that refuse them.
    struct Case: Sendable {
        let name: String
        let bytes: [UInt8]
        var status = 400
        let message: String

        init(_ name: String, _ text: String, _ message: String, status: Int = 400) {
            self.name = name
            bytes = Array(text.utf8)
            self.status = status
            self.message = message
        }

        /// A completion with other headers and a body in chunks.
        init(
            _ name: String, headers: String, body: String, _ message: String, status: Int = 400
        ) {
            self.init(
                name,
                "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    + headers + "\r\n\r\n" + body, message, status: status)
        }
    }

    private static func invalid(_ reason: String, _ part: String = "request") -> String {
        "The \(part) is not valid HTTP (\(reason)). Correct it."
    }

    private static let header = invalid("invalid character in header")
    private static let length = invalid("invalid character in content-length header")
    private static let chunk = invalid("invalid character in chunk size header", "body")
    private static let good = #"{"prompt": "abc"}"#
    private static let chunks = "11\r\n\(good)\r\n0\r\n\r\n"
    private static let tooLong = "The headers are too long. Send shorter ones."
    private static let tooMuch = "The body has more than 100000 bytes. Send less at once."

    static let cases: [Case] =
        [
            ("words", "GARBAGE\r\n\r\n", "invalid HTTP method"),
            ("zeros", "\0\0\0\0\r\n\r\n", "invalid HTTP method"),
            ("TLS", "\u{16}\u{3}\u{1}\0\u{7F}\u{1}\0\0\u{7B}\u{3}\u{3}", "invalid HTTP method"),
            ("a method of its own", "FOO /health HTTP/1.1\r\n\r\n", "invalid HTTP method"),
            ("a lower-case method", "get /health HTTP/1.1\r\n\r\n", "invalid HTTP method"),
            ("version 9.9", "GET /health HTTP/9.9\r\n\r\n", "invalid HTTP version"),
            ("version 0.9", "GET /health\r\n\r\n", "invalid HTTP version"),
            ("line feeds alone", "GET /health HTTP/1.1\n\n", "invalid HTTP version"),
            ("a path of words", "GET health HTTP/1.1\r\n\r\n", "invalid URL"),
            ("a path with a control", "GET /\u{1} HTTP/1.1\r\n\r\n", "invalid URL"),
            ("a path with é", "GET /é HTTP/1.1\r\n\r\n", "invalid URL"),
        ].map { Case($0, $1, invalid($2)) }
        + [
            "Foo : a", "F(oo): a", ": a", "Foo", "Foo: a\r\n b", "Foo: a\0b", "Foo: a\u{1}b",
            "Föö: a",
        ].map { Case("header \($0)", "GET /health HTTP/1.1\r\n\($0)\r\n\r\n", header) }
        + ["x", "-1", "", "1 2", "0x11", "+17", "17, 17", "99999999999999999999"].map {
            Case("Content-Length \($0)", headers: "Content-Length: \($0)", body: good, length)
        }
        + ["17", "18"].map {
            Case(
                "Content-Length 17 and \($0)",
                headers: "Content-Length: 17\r\nContent-Length: \($0)", body: good,
                invalid("unexpected content-length header"))
        }
        + [
            Case(
                "HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                "The request is not valid HTTP. Correct it."),
            Case(
                "Content-Length beside chunks",
                headers: "Content-Length: 17\r\nTransfer-Encoding: chunked", body: chunks,
                "The request is not valid HTTP. Correct it."),
            Case(
                "chunked twice", headers: "Transfer-Encoding: chunked, chunked", body: chunks,
                "The request is not valid HTTP. Correct it."),
            Case(
                "chunked and then gzip", headers: "Transfer-Encoding: chunked, gzip",
                body: chunks, "The request is not valid HTTP. Correct it."),
            Case(
                "gzip in chunks", headers: "Transfer-Encoding: gzip, chunked", body: chunks,
                "The Transfer-Encoding is \"gzip, chunked\". Send chunked, or the length."),
            Case(
                "a long header", "GET /health HTTP/1.1\r\nFoo: \(long(82_000))\r\n\r\n", tooLong,
                status: 431),
            Case(
                "a header without an end", "GET /health HTTP/1.1\r\nFoo: \(long(500_000))",
                tooLong, status: 431),
            Case(
                "many headers",
                "GET /health HTTP/1.1\r\n\(String(repeating: "A: b\r\n", count: 1001))\r\n",
                tooLong, status: 431),
            Case("a long path", "GET /\(long(100_000)) HTTP/1.1\r\n\r\n", tooLong, status: 431),
        ]
        + ["zz\r\nabc\r\n0\r\n\r\n", "-5\r\nabc\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFFF\r\nabc\r\n"].map {
            Case("chunks \($0.prefix(4))", headers: "Transfer-Encoding: chunked", body: $0, chunk)
        }
        + [
            Case(
                "a bad chunk after a good one", headers: "Transfer-Encoding: chunked",
                body: "5\r\n{\"pro\r\nzz\r\n", chunk),
            Case(
                "a chunk longer than its size", headers: "Transfer-Encoding: chunked",
                body: "3\r\nabcdef\r\n0\r\n\r\n", invalid("strict mode assertion", "body")),
            Case(
                "a length above the limit", headers: "Content-Length: 100001", body: "",
                tooMuch, status: 413),
            Case(
                "the longest length", headers: "Content-Length: 9223372036854775807", body: "",
                tooMuch, status: 413),
            Case(
                "a length above the limit, announced",
                headers: "Content-Length: 100001\r\nExpect: 100-continue", body: "", tooMuch,
                status: 413),
            Case(
                "a body above the limit", headers: "Content-Length: 200000",
                body: long(200_000), tooMuch, status: 413),
            Case(
                "chunks above the limit", headers: "Transfer-Encoding: chunked",
                body: String(repeating: "3e8\r\n\(long(1000))\r\n", count: 120), tooMuch,
                status: 413),
            Case(
                "a chunk above the limit", headers: "Transfer-Encoding: chunked",
                body: "186a1\r\n\(long(100_001))\r\n", tooMuch, status: 413),
        ]

    private static func long(_ count: Int) -> String { String(repeating: "a", count: count) }

    @Test("is refused in a sentence, and the connection with it; the server goes on")
    func refusals() async throws {
        var options = ServerOptions()
        options.limits.bodyBytes = 100_000
        let engine = try StubEngine()
        try await TestServer.with(engine: engine, options: options) { test in
            for request in Self.cases {
                let name = Comment(rawValue: request.name)
                let answer = try await test.client.exchange(request.bytes)
                #expect(answer.status == request.status, name)
                #expect(answer.headers["connection"] == "close", name)
                #expect(try answer.json["error"]?["message"]?.string == request.message, name)
                #expect(
                    try answer.json["error"]?["type"]?.string == "invalid_request_error", name)
            }
            #expect(engine.requests.isEmpty)
            try await BadRequest.checkServes(test.client)
            // Nothing of the bodies is left over.
            #expect(test.server.bodies.take(options.limits.allBodyBytes))
        }
    }

    @Test(
        "what is unusual but right is served",
        arguments: [
            "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"pro\r\nc\r\nmpt\": \"abc\"}\r\n0\r\n\r\n",
            "Transfer-Encoding: CHUNKED\r\n\r\n11;a=b\r\n\(good)\r\n0\r\nX-Late: a\r\n\r\n",
            "Content-Length: 17\r\nContent-Encoding: identity\r\n\r\n\(good)",
            "Content-Length: 17\r\nExpect: 100-continue\r\n\r\n\(good)",
            "Content-Length: 17\r\nExpect: 100-Continue\r\n\r\n\(good)",
            "content-length:17\r\nX-\(long(200)): \(long(70_000))\r\n\r\n\(good)",
            "Content-Length: 21\r\n\r\n \n\(good)\r\n",
        ])
    func unusual(rest: String) async throws {
        try await TestServer.with(engine: try StubEngine()) { test in
            let head =
                "POST /v1/completions?x=y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                + "Content-Type: Application/JSON ; charset=utf-8\r\n"
            let answer = try await test.client.exchange(Array((head + rest).utf8))
            #expect(answer.status == 200)
            #expect(try answer.json["choices"]?[0]?["text"]?.string == "cba")
        }
    }

    @Test("HEAD has the headers of GET and no body", arguments: ["/health", "/v1/models"])
    func head(path: String) async throws {
        try await TestServer.with(engine: try StubEngine()) { test in
            let whole = try await test.client.get(path)
            let head = try await test.client.send("HEAD", path)
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
            #expect(head.headers["content-length"] == "\(whole.body.count)")
            #expect(head.headers["content-type"] == whole.headers["content-type"])
        }
    }
}
