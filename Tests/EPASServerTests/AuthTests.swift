import EPASJSON
import Testing

@testable import EPASServer

@Suite("Keys")
struct AuthTests {
    private static let good = #"{"prompt": "abc"}"#
    private static let routes = [
        ("GET", "/metrics"), ("GET", "/v1/models"), ("GET", "/v1/models/tiny"),
        ("POST", "/v1/completions"), ("POST", "/v1/chat/completions"), ("GET", "/"),
        ("GET", "/v1"), ("POST", "/tokenize"), ("DELETE", "/v1/completions"),
        ("GET", "/health/"), ("GET", "/Health"), ("POST", "/v1/completions?key=alpha"),
        ("GET", "/healthz"), ("GET", "//health"),
    ]

    private static func options(_ keys: [String]) -> ServerOptions {
        var options = ServerOptions()
        options.keys = APIKeys(keys)
        return options
    }

    @Test("every route but /health needs a key, the unknown ones too")
    func routes() async throws {
        let engine = try StubEngine()
        try await TestServer.with(engine: engine, options: Self.options(["alpha"])) { test in
            for (method, path) in Self.routes {
                let answer = try await test.client.send(
                    method, path, body: method == "POST" ? Array(Self.good.utf8) : nil)
                #expect(answer.status == 401, "\(method) \(path)")
                #expect(answer.headers["www-authenticate"] == "Bearer")
                let error = try answer.json["error"]
                #expect(
                    error?["message"]?.string
                        == "The API key is missing or wrong. Send \"Authorization: Bearer KEY\".")
                #expect(error?["type"]?.string == "invalid_request_error")
                #expect(error?["code"]?.string == "invalid_api_key")
            }
            #expect(try await test.client.get("/health").status == 200)
            #expect(try await test.client.send("HEAD", "/health").status == 200)
            #expect(engine.requests.isEmpty)
        }
    }

    @Test(
        "what is not a key in the right form is refused",
        arguments: [
            "", "Bearer", "Bearer ", "alpha", "Basic alpha", "Token alpha", "Bearer: alpha",
            "Beareralpha", "Bearer  alpha", "Bearer Alpha", "Bearer alph", "Bearer alphaa",
            "Bearer alpha,beta", "Bearer alpha beta", "Bearer bet", "Bearer \"alpha\"",
            "Bearer a", "Bearer alpha=", "Bearer\talpha", "Basic YWxwaGE6", "Bearer álpha",
        ])
    func misses(value: String) async throws {
        let options = Self.options(["alpha", "beta"])
        try await TestServer.with(engine: try StubEngine(), options: options) { test in
            let answer = try await test.client.get(
                "/v1/models", headers: ["Authorization": value])
            #expect(answer.status == 401)
        }
    }

    @Test(
        "each of several keys opens, and the scheme's letters may be of any case",
        arguments: [
            "Bearer alpha", "bearer alpha", "BEARER beta", "Bearer beta", "Bearer g/a+m=m~a",
        ])
    func hits(value: String) async throws {
        let options = Self.options(["alpha", "beta", "g/a+m=m~a"])
        try await TestServer.with(engine: try StubEngine(), options: options) { test in
            let headers = ["authorization": value]
            let answer = try await test.client.post(
                "/v1/completions", Self.good, headers: headers)
            #expect(answer.status == 200)
            for path in ["/v1/models", "/metrics", "/v1/models/tiny@share=1"] {
                #expect(try await test.client.get(path, headers: headers).status == 200)
            }
            #expect(!test.log.lines.contains { $0.contains("alpha") || $0.contains("beta") })
        }
    }

    @Test(
        "an open server takes any key, and none",
        arguments: [nil, "Bearer ", "Bearer", "Bearer anything", "Basic eDp5"])
    func open(value: String?) async throws {
        try await TestServer.with(engine: try StubEngine()) { test in
            let headers = value.map { ["Authorization": $0] } ?? [:]
            let answer = try await test.client.post(
                "/v1/completions", Self.good, headers: headers)
            #expect(answer.status == 200)
        }
    }

    @Test("a body is not read without a key")
    func body() async throws {
        let options = Self.options(["alpha"])
        try await TestServer.with(engine: try StubEngine(), options: options) { test in
            let connection = try await test.client.open()
            defer { connection.close() }
            try await connection.send(
                "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    + "Content-Length: 1000000\r\n\r\n{")
            let bytes = try await connection.read(until: "invalid_api_key")
            #expect(try TestClient.parse(bytes).status == 401)
            #expect(test.server.bodies.isWhole)
        }
    }
}
