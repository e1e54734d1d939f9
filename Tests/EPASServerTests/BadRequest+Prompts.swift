/// What is wrong with prompts, with names of models and with region lengths.
extension BadRequest {
    static let prompts: [BadRequest] =
        ["{}", #"{"prompt": null}"#].map {
            BadRequest(
                $0, "prompt",
                "There is no prompt. Give a string or a list of tokens, or several.")
        }
        + [
            ("1", "1"), ("true", "true"), ("{}", "{}"), ("[null]", "null"), ("[{}]", "{}"),
            ("[true]", "true"), (#"["a", 97]"#, "97"), (#"["a", [97]]"#, "[97]"),
            (#"[[97], "a"]"#, #""a""#), (#"[[97], 97]"#, "97"), (#"["a", null]"#, "null"),
        ].map {
            BadRequest(
                #"{"prompt": \#($0)}"#, "prompt",
                "The prompt has \($1). Give a string or a list of tokens, or several of one kind.")
        }
        + [
            ("[]", "The prompt is empty. Give at least one token."),
            ("[[]]", "A prompt is empty. Give at least one token."),
            ("[[97], []]", "A prompt is empty. Give at least one token."),
        ].map { BadRequest(#"{"prompt": \#($0)}"#, "prompt", $1) }
        + [
            ("[258]", "258"), ("[-1]", "-1"), ("[97.0]", "97.0"), ("[9.7e1]", "9.7e1"),
            ("[2147483648]", "2147483648"), ("[4294967393]", "4294967393"),
            ("[9223372036854775808]", "9223372036854775808"), ("[1e999]", "1e999"),
            ("[[97], [1000000]]", "1000000"), (#"[97, "a"]"#, #""a""#), ("[97, null]", "null"),
            ("[[97, [98]]]", "[98]"), ("[[[97]]]", "[97]"), ("[[true]]", "true"),
        ].map {
            BadRequest(
                #"{"prompt": \#($0)}"#, "prompt",
                "The prompt has the token \($1). Use whole numbers from 0 to 257.")
        }

    /// The longest sequence is 512 tokens, and one token begins each text.
    static let lengths: [BadRequest] =
        [
            (ids(512), "", 512, ""), (text(511), "", 512, ""), (text(600), "", 601, ""),
            (text(510), #", "max_tokens": 2"#, 511, " and max_tokens is 2"),
            (#""a""#, #", "max_tokens": 511"#, 2, " and max_tokens is 511"),
            (ids(2), #", "max_tokens": 511, "echo": true"#, 2, " and max_tokens is 511"),
            (#"["a", \#(text(511))]"#, "", 512, ""),
        ].map {
            BadRequest(
                #"{"prompt": \#($0)\#($1)}"#, "prompt",
                "The prompt has \($2) tokens\($3), but the longest sequence is 512 tokens. "
                    + "Shorten the prompt or ask for fewer.", code: "context_length_exceeded")
        }
        + [(ids(513), 513), (text(200_000), 781), (ids(100_000), 100_000)].map {
            BadRequest(
                #"{"prompt": \#($0)}"#, "prompt",
                "The prompt has \($1) tokens or more, but the longest sequence is 512 tokens. "
                    + "Shorten it.", code: "context_length_exceeded")
        }
        + ["[97]", #""a""#].map {
            BadRequest(
                #"{"prompt": [\#([String](repeating: $0, count: 129).joined(separator: ","))]}"#,
                "prompt", "There are 129 prompts. Send at most 128 at once.")
        }

    private static func ids(_ count: Int) -> String { "\([Int](repeating: 97, count: count))" }
    private static func text(_ count: Int) -> String {
        #""\#(String(repeating: "a", count: count))""#
    }

    static let models: [BadRequest] =
        [
            "", "other", "Tiny", "tiny ", "tiny@share", "tiny@share=", "tiny@share=-1",
            "tiny@share=+1", "tiny@share=-0", "tiny@share=05", "tiny@share=00",
            "tiny@share=5.0", "tiny@share= 5", "tiny@share=5 ", "tiny@share=0x5",
            "tiny@share=qk:", "tiny@share=qk:-1", "tiny@share=qk:05", "tiny@share=QK:2",
            "tiny@share=xx:2", "tiny@share=qk:2:3", "tiny@share=:2", "tiny@share=::2",
            "tiny@share=scores", "tiny@share=none", "tiny@share=99999999999999999999",
            "tiny@share=2@share=2", "tiny@share=٣", "tiny@share=qk:2,3", "tiny@share=qk:2<1",
            "other@share=2", "tiny@SHARE=2", "../tiny",
        ].map {
            BadRequest(
                #"{"prompt": "a", "model": "\#($0)"}"#, "model",
                "There is no model \"\($0)\". Use \"tiny\", or \"tiny@share=N\" with N from 0 "
                    + "to 5.", code: "model_not_found", status: 404)
        }
        + [
            ("tiny@share=6", "6"), ("tiny@share=kv:6", "6"), ("tiny@share=scores:7", "7"),
            ("tiny@share=9223372036854775807", "9223372036854775807"),
        ].map {
            BadRequest(
                #"{"prompt": "a", "model": "\#($0)"}"#, "model",
                "\($1) layers cannot share here. Use 0 to 5 sharing layers.",
                code: "sharing_out_of_range")
        }

    private static let header = "X-EPAS-Sharing-Layers"

    static let sharing: [BadRequest] =
        [
            BadRequest(
                #"{"model": "tiny@share=1", "prompt": "a", "sharing_layers": 2}"#,
                "sharing_layers",
                "The region lengths differ: model says 1, sharing_layers 2. Give one of them, or "
                    + "the same number.", code: "sharing_conflict"),
            BadRequest(
                #"{"model": "tiny@share=kv:0", "prompt": "a", "sharing_layers": 5}"#,
                "sharing_layers",
                "The region lengths differ: model says 0, sharing_layers 5. Give one of them, or "
                    + "the same number.", code: "sharing_conflict"),
            BadRequest(
                #"{"model": "tiny@share=3", "prompt": "a"}"#, header,
                "The region lengths differ: model says 3, \(header) 2. Give one of them, or the "
                    + "same number.", code: "sharing_conflict"
            ).with(headers: [header: "2"]),
            BadRequest(
                #"{"prompt": "a", "sharing_layers": 0}"#, header,
                "The region lengths differ: sharing_layers says 0, \(header) 2. Give one of them, "
                    + "or the same number.", code: "sharing_conflict"
            ).with(headers: [header: "2"]),
            BadRequest(
                #"{"model": "tiny@share=2", "prompt": "a", "sharing_layers": 2}"#, header,
                "The region lengths differ: model says 2, \(header) 1. Give one of them, or the "
                    + "same number.", code: "sharing_conflict"
            ).with(headers: [header.lowercased(): "1"]),
        ]
        + ["6", "9223372036854775807", "-1"].map {
            BadRequest(
                #"{"prompt": "a"}"#, header,
                "\($0) layers cannot share here. Use 0 to 5 sharing layers.",
                code: "sharing_out_of_range"
            ).with(headers: [header: $0])
        }
        + ["", "x", "2.0", "0x2", "2 3", "2,2", "99999999999999999999", "qk:2", "+2", "02"].map {
            BadRequest(
                #"{"prompt": "a"}"#, header,
                "\(header) is \"\($0)\". Use a whole number from 0 to 5."
            ).with(headers: [header: $0])
        }
}
