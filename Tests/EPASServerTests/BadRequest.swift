import EPASJSON
import Testing

/// A request that is to be refused, and with which words.
struct BadRequest: Sendable {
    var path = "/v1/completions"
    var method = "POST"
    var body: [UInt8]
    var headers: [String: String] = [:]
    var status = 400
    var parameter: String?
    var code: String?
    var message: String

    init(
        _ body: String, _ parameter: String? = nil, _ message: String, code: String? = nil,
        status: Int = 400
    ) {
        self.body = Array(body.utf8)
        self.parameter = parameter
        self.message = message
        self.code = code
        self.status = status
    }

    /// One field of a completion that is right otherwise, with values each of which is refused.
    static func fields(
        _ name: String, _ values: [String], _ remedy: String
    ) -> [BadRequest] {
        values.map {
            BadRequest(#"{"prompt": "a", "\#(name)": \#($0)}"#, name, "\(name) is \($0). \(remedy)")
        }
    }

    /// The same of a chat.
    static func chatFields(
        _ name: String, _ values: [String], _ remedy: String
    ) -> [BadRequest] {
        values.map { chat(#""\#(name)": \#($0)"#, name, "\(name) is \($0). \(remedy)") }
    }

    /// A chat that is right but for one field.
    static func chat(
        _ field: String, _ parameter: String?, _ message: String, code: String? = nil
    ) -> BadRequest {
        chat(
            whole: #"{"messages": [{"role": "user", "content": "a"}], \#(field)}"#, parameter,
            message, code: code)
    }

    static func chat(
        whole body: String, _ parameter: String?, _ message: String, code: String? = nil
    ) -> BadRequest {
        var request = BadRequest(body, parameter, message, code: code)
        request.path = "/v1/chat/completions"
        return request
    }

    func with(headers: [String: String]) -> BadRequest {
        var copy = self
        copy.headers = headers
        return copy
    }

    /// Sends the request and compares the answer.
    func check(_ client: TestClient, _ location: SourceLocation = #_sourceLocation) async throws {
        let start = Comment(
            rawValue:
                "\(method) \(path) \(headers) \(String(decoding: body.prefix(200), as: UTF8.self))")
        let answer = try await client.send(
            method, path, body: method == "GET" ? nil : body, headers: headers)
        #expect(answer.status == status, start, sourceLocation: location)
        let error = try answer.json["error"]
        #expect(error?["message"]?.string == message, start, sourceLocation: location)
        #expect(error?["param"]?.string == parameter, start, sourceLocation: location)
        #expect(error?["code"]?.string == code, start, sourceLocation: location)
        #expect(
            error?["type"]?.string == "invalid_request_error", start, sourceLocation: location)
        #expect(answer.headers["content-type"] == "application/json", sourceLocation: location)
        #expect(answer.headers["x-request-id"]?.count == 24, sourceLocation: location)
        // A sentence says what is wrong, another what to do.
        #expect(
            message.hasSuffix(".") && message.contains(". "), start, sourceLocation: location)
    }

    /// Asks for a text that every server of the tests can give.
    static func checkServes(
        _ client: TestClient, _ location: SourceLocation = #_sourceLocation
    ) async throws {
        let answer = try await client.post("/v1/completions", #"{"prompt": "abc"}"#)
        #expect(answer.status == 200, sourceLocation: location)
        #expect(
            try answer.json["choices"]?[0]?["text"]?.string == "cba", sourceLocation: location)
    }
}
