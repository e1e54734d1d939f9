import Foundation

/// Bodies that are no JSON object, and requests that are wrong before their body matters.
extension BadRequest {
    private static func json(_ body: String, _ offset: Int, _ problem: String) -> BadRequest {
        json(Array(body.utf8), offset, problem)
    }

    private static func json(_ body: [UInt8], _ offset: Int, _ problem: String) -> BadRequest {
        var request = BadRequest(
            "", nil,
            "The body is not usable JSON: at byte \(offset), \(problem). Correct it.")
        request.body = body
        return request
    }

    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    private static let good = #"{"prompt": "a"}"#

    static let bodies: [BadRequest] =
        [
            BadRequest("", nil, "The body is empty. Send a JSON object."),
            json(" \n\t ", 4, "a number is expected"),
            json("{", 1, "a key is expected"),
            json(#"{"prompt""#, 9, "a colon is expected"),
            json(#"{"prompt":"#, 10, "a number is expected"),
            json(#"{"prompt": "a"#, 13, "a string has no end"),
            json(#"{"prompt": "a""#, 14, "a comma or } is expected"),
            json(#"{"prompt": "a","#, 15, "a key is expected"),
            json(#"{"prompt": "a",}"#, 15, "a key is expected"),
            json(#"{"prompt": [97,]}"#, 15, "a number is expected"),
            json(#"{"prompt": [97 98]}"#, 15, "a comma or ] is expected"),
            json(good + "x", 15, "nothing is expected after the value"),
            json(good + good, 15, "nothing is expected after the value"),
            json(good + "\0", 15, "nothing is expected after the value"),
            json("{'prompt': 'a'}", 1, "a key is expected"),
            json("{prompt: 1}", 1, "a key is expected"),
            json(#"{"prompt": "a" /* b */}"#, 15, "a comma or } is expected"),
            json("// a\n" + good, 0, "a number is expected"),
            json(#"{"prompt": "a", "temperature": NaN}"#, 31, "a number is expected"),
            json(#"{"prompt": "a", "temperature": Infinity}"#, 31, "a number is expected"),
            json(#"{"prompt": "a", "temperature": -Infinity}"#, 32, "a number is expected"),
            json(#"{"prompt": "a", "temperature": nul}"#, 31, "a value is expected"),
            json(#"{"prompt": "a", "temperature": True}"#, 31, "a number is expected"),
            json(#"{"prompt": "a", "n": 01}"#, 21, "a number begins with 0"),
            json(#"{"prompt": "a", "n": +1}"#, 21, "a number is expected"),
            json(#"{"prompt": "a", "n": .5}"#, 21, "a number is expected"),
            json(#"{"prompt": "a", "n": 1.}"#, 23, "a number is cut off"),
            json(#"{"prompt": "a", "n": 1e}"#, 23, "a number is cut off"),
            json(#"{"prompt": "a", "n": 0x1}"#, 22, "a comma or } is expected"),
            json(
                #"{"prompt": "a", "n": \#(String(repeating: "1", count: 401))}"#, 422,
                "a number is too long"),
            json(#"{"prompt": "a", "prompt": "b"}"#, 25, #"key "prompt" is written twice"#),
            json(#"{"prompt": "a", "prom\u0070t": "b"}"#, 30, #"key "prompt" is written twice"#),
            json(
                #"{"messages": [{"role": "user", "role": "system"}]}"#, 38,
                #"key "role" is written twice"#),
            json(#"{"prompt": "\ud800"}"#, 18, "a surrogate stands alone"),
            json(#"{"prompt": "\udc00"}"#, 18, "a surrogate stands alone"),
            json(#"{"prompt": "\ud800\ud800"}"#, 24, "a surrogate stands alone"),
            json(#"{"prompt": "\ud83d\u0041"}"#, 24, "a surrogate stands alone"),
            json(#"{"\udfff": 1}"#, 8, "a surrogate stands alone"),
            json(#"{"prompt": "\u12"}"#, 16, "an escape is not hexadecimal"),
            json(#"{"prompt": "\u"#, 14, "an escape is cut off"),
            json(#"{"prompt": "\x41"}"#, 14, "an escape is unknown"),
            json(#"{"prompt": "\"#, 13, "a string has no end"),
            json("{\"prompt\": \"a\nb\"}", 13, "a control character stands in a string"),
            json("{\"prompt\": \"\0\"}", 12, "a control character stands in a string"),
            json(Array(#"{"prompt": ""#.utf8) + [0xFF, 0x22, 0x7D], 13, "a string is not UTF-8"),
            json(
                Array(#"{"prompt": ""#.utf8) + [0xC0, 0x80, 0x22, 0x7D], 14, "a string is not UTF-8"
            ),
            json(
                Array(#"{"prompt": ""#.utf8) + [0xED, 0xA0, 0x80, 0x22, 0x7D], 15,
                "a string is not UTF-8"),
            json(
                Array(#"{"prompt": "é"}"#.utf8).filter { $0 != 0xA9 }, 13, "a string is not UTF-8"),
            json([0xFF], 0, "a number is expected"),
            json(byteOrderMark + good.utf8, 0, "a number is expected"),
            json(good.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }, 1, "a key is expected"),
            json([UInt8](repeating: 0, count: 64), 0, "a number is expected"),
            json(String(repeating: "[", count: 100_000), 65, "the nesting is too deep"),
            json(String(repeating: #"{"a":"#, count: 100_000), 325, "the nesting is too deep"),
            json(
                #"{"prompt": \#(String(repeating: "[", count: 100_000))"#, 75,
                "the nesting is too deep"),
            json("--boundary\r\n", 1, "a number is expected"),
            json("prompt=a&n=1", 0, "a number is expected"),
        ]
        + ["[]", "5", #""a""#, "null", "true", "-1.5e3", "[\(good)]"].map {
            BadRequest($0, nil, "The body is not a JSON object. Send one.")
        }

    /// Refused for their headers, method or path.
    static let envelopes: [BadRequest] =
        [
            "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
            "application/jsonp", "application/json5", "text/json", "json", "*/*",
            "text/plain, application/json", "application/octet-stream",
        ].map {
            BadRequest(
                good, nil, "The Content-Type is \"\($0)\". Send application/json.", status: 415
            ).with(headers: ["Content-Type": $0])
        }
        + [
            BadRequest(
                good, nil, "The Content-Type is missing. Send application/json.", status: 415
            ).with(headers: ["Content-Type": ""])
        ]
        + ["gzip", "deflate", "br", "identity, gzip", "GZIP"].map {
            BadRequest(
                good, nil, "The Content-Encoding is \"\($0)\". Send the body as it is.",
                status: 415
            ).with(headers: ["Content-Encoding": $0])
        }
        + [
            ("GET", "/v1/completions", "POST"), ("PUT", "/v1/completions", "POST"),
            ("DELETE", "/v1/chat/completions", "POST"), ("PATCH", "/v1/completions", "POST"),
            ("OPTIONS", "/v1/completions", "POST"), ("POST", "/v1/models", "GET"),
            ("POST", "/health", "GET"), ("DELETE", "/v1/models/tiny", "GET"),
            ("POST", "/metrics", "GET"), ("TRACE", "/health", "GET"),
        ].map { method, path, remedy in
            var request = BadRequest(
                good, nil, "\(method) is not a method of this path. Use \(remedy).",
                code: "method_not_allowed", status: 405)
            request.method = method
            request.path = path
            return request
        }
        + [
            "/", "/v1", "/v1/", "/v1/completion", "/v1/completions/", "/V1/completions",
            "/v1//completions", "/v1/chat", "/completions", "/v1/embeddings", "/tokenize",
            "/v1/completions/../models", "/../../etc/passwd", "/v1/completions%2F",
            "/v1/%63ompletions", "/share/5/v1/completions", "/pause", "/metrics/",
        ].map {
            var request = BadRequest(
                good, nil,
                "There is no \($0). Use /v1/completions, /v1/chat/completions, /v1/models, "
                    + "/health or /metrics.", code: "not_found", status: 404)
            request.path = $0
            return request
        }
        + ["other", "tiny@share=x", "%FF", "tiny%00", "tiny/x", ""].map {
            var request = BadRequest("", "model", "", code: "model_not_found", status: 404)
            let name = $0.removingPercentEncoding ?? $0
            request.message =
                "There is no model \"\(name.replacing("\0", with: "?"))\". Use \"tiny\", or "
                + "\"tiny@share=N\" with N from 0 to 5."
            request.method = "GET"
            request.path = "/v1/models/\($0)"
            return request
        }
        + [
            {
                var request = BadRequest(
                    "", "model", "6 layers cannot share here. Use 0 to 5 sharing layers.",
                    code: "sharing_out_of_range")
                request.method = "GET"
                request.path = "/v1/models/tiny@share=6"
                return request
            }()
        ]
}
