import HTTPTypes

/// An answer that refuses a request, in the shape of OpenAI's interface.
struct APIError: Error, Hashable {
    var status: HTTPResponse.Status
    /// One sentence: what is wrong and what to do.
    var message: String
    var type: String
    /// The field that is wrong.
    var parameter: String?
    var code: String?
    /// Seconds after which trying again may help.
    var retryAfter: Int?
    /// Whether the connection cannot be used for another request.
    var closesConnection = false

    init(
        _ status: HTTPResponse.Status, _ message: String, type: String = "invalid_request_error",
        parameter: String? = nil, code: String? = nil, retryAfter: Int? = nil,
        closesConnection: Bool = false
    ) {
        self.status = status
        self.message = message
        self.type = type
        self.parameter = parameter
        self.code = code
        self.retryAfter = retryAfter
        self.closesConnection = closesConnection
    }

    /// A field whose value cannot be used.
    static func invalid(_ parameter: String, _ message: String, code: String? = nil) -> APIError {
        APIError(.badRequest, message, parameter: parameter, code: code)
    }

    var json: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("error")
            writer.object { writer in
                writer.field("message", message)
                writer.field("type", type)
                writer.field("param", parameter)
                writer.field("code", code)
            }
        }
        return writer.bytes
    }
}
