/// What is wrong with single fields, and with fields beside each other.
extension BadRequest {
    private static let huge = ["1e999", "9223372036854775808", "99999999999999999999"]
    private static let noIntegers = ["1.5", "8.0", "1e1", #""8""#, "true", "[8]", "{}"] + huge
    private static let noNumbers = ["1e999", "-1e999", #""1""#, "true", "[]", "{}"]
    private static let noFlags = ["1", "0", #""true""#, "[]", "{}"]

    static let completionFields: [BadRequest] =
        fields("max_tokens", ["-1", "513", "2147483648"] + noIntegers, whole(0, 512))
        + fields("n", ["0", "-1", "129", "16384"] + noIntegers.dropFirst(1), whole(1, 128))
        + fields("best_of", ["0", "129", "1.5", #""2""#], whole(1, 128))
        + fields("logprobs", ["-1", "21", "1000000"] + noIntegers.dropFirst(2), whole(0, 20))
        + fields("top_k", ["-2", "2147483648", "1e3", "1.5", #""5""#], whole(-1, 2_147_483_647))
        + fields(
            "seed", ["18446744073709551616", "-9223372036854775809"] + noIntegers,
            whole(.min, .max))
        + fields(
            "temperature", ["-1", "-1e-300", "2.0001", "1e9"] + noNumbers,
            "Use a number from 0 to 2.")
        + fields("top_p", ["-0.5", "1.5"] + noNumbers, "Use a number from 0 to 1.")
        + fields("min_p", ["-0.1", "1.1"] + noNumbers, "Use a number from 0 to 1.")
        + fields("presence_penalty", ["-2.1", "2.1"] + noNumbers, "Use a number from -2 to 2.")
        + fields("frequency_penalty", ["-3", "2.00001"] + noNumbers, "Use a number from -2 to 2.")
        + fields(
            "repetition_penalty", ["-1", "2.1", "101"] + noNumbers, "Use a number from 0 to 2.")
        + fields("echo", noFlags, "Use true or false.")
        + fields("stream", noFlags, "Use true or false.")
        + fields("model", ["5", "true", "{}", #"["tiny"]"#], "Use a string.")
        + fields("sharing_layers", ["-1", "6", #""2""#] + noIntegers.dropFirst(3), whole(0, 5))
        + [
            BadRequest(
                #"{"prompt": "a", "max_tokens": 0}"#, "max_tokens",
                "max_tokens is 0. Use 1 or more, or set echo to read the prompt."),
            BadRequest(
                #"{"prompt": "a", "top_p": 0}"#, "top_p",
                "top_p is 0. Use a number above 0, at most 1."),
            BadRequest(
                #"{"prompt": "a", "top_p": 1e-400}"#, "top_p",
                "top_p is 0. Use a number above 0, at most 1."),
            BadRequest(
                #"{"prompt": "a", "repetition_penalty": 0}"#, "repetition_penalty",
                "repetition_penalty is 0. Use a number above 0, at most 2."),
            BadRequest(
                #"{"prompt": "a", "n": 2, "best_of": 1}"#, "best_of",
                "best_of is 1, but n is 2. Use n or more."),
            BadRequest(
                #"{"prompt": "a", "n": 1, "best_of": 2, "stream": true}"#, "best_of",
                "best_of cannot be streamed unless it is n. Leave it out."),
            BadRequest(
                #"{"prompt": ["a", "b", "c"], "n": 64}"#, "prompt",
                "3 prompts with 64 texts each are more than 128 texts. Send fewer at once."),
            BadRequest(
                #"{"prompt": [[97], [98]], "best_of": 65}"#, "prompt",
                "2 prompts with 65 texts each are more than 128 texts. Send fewer at once."),
        ]

    private static func whole(_ low: Int, _ high: Int) -> String {
        "Use a whole number from \(low) to \(high)."
    }

    static let stops: [BadRequest] =
        [
            (#""""#, #""""#), (#"[""]"#, #""""#), (#"["a", ""]"#, #""""#), ("5", "5"),
            ("[5]", "5"), ("[null]", "null"), (#"[["a"]]"#, #"["a"]"#), ("{}", "{}"),
            ("true", "true"),
        ].map { value, shown in
            BadRequest(
                #"{"prompt": "a", "stop": \#(value)}"#, "stop",
                "stop has \(shown). Use a string, or several, none empty.")
        } + [
            BadRequest(
                #"{"prompt": "a", "stop": "\#(String(repeating: "x", count: 1025))"}"#, "stop",
                "A stop string has 1025 bytes. Use at most 1024."),
            BadRequest(
                #"{"prompt": "a", "stop": ["a", "\#(String(repeating: "é", count: 513))"]}"#,
                "stop", "A stop string has 1026 bytes. Use at most 1024."),
            BadRequest(
                #"{"prompt": "a", "stop": \#((0..<65).map { "\($0)" })}"#, "stop",
                "stop has 65 strings. Use at most 64."),
        ]

    static let biases: [BadRequest] =
        fields(
            "logit_bias", ["5", "[]", "[1]", #""5""#, "true"],
            "Use an object from tokens to numbers.")
        + [
            "a", "", "1.5", " 5", "5 ", "+5", "05", "-0", "-1", "258", "1e1", "2147483648",
            "-2147483649", "99999999999999999999", "٣",
        ].map {
            BadRequest(
                #"{"prompt": "a", "logit_bias": {"7": 1, "\#($0)": 1}}"#, "logit_bias",
                "logit_bias names the token \"\($0)\". Use whole numbers from 0 to 257.")
        }
        + ["100.5", "-101", "1e999", #""1""#, "null", "[1]", "true"].map {
            BadRequest(
                #"{"prompt": "a", "logit_bias": {"5": \#($0)}}"#, "logit_bias",
                "logit_bias of token 5 is \($0). Use a number from -100 to 100.")
        }
        + [
            BadRequest(
                #"{"prompt": "a", "logit_bias": {\#((0..<1025).map { "\"\($0)\": 0" }.joined(separator: ","))}}"#,
                "logit_bias", "logit_bias has 1025 tokens. Use at most 1024.")
        ]

    static let streamOptions: [BadRequest] =
        [
            #"{"prompt": "a", "stream_options": {"include_usage": true}}"#,
            #"{"prompt": "a", "stream": false, "stream_options": {}}"#,
        ].map {
            BadRequest(
                $0, "stream_options", "stream_options needs stream to be true. Set it.")
        }
        + ["true", "[]", #""include_usage""#, "5"].map {
            BadRequest(
                #"{"prompt": "a", "stream": true, "stream_options": \#($0)}"#, "stream_options",
                "stream_options is \($0). Use an object.")
        }
        + [("include_usage", "1"), ("include_usage", #""true""#), ("usage", "true")].map {
            BadRequest(
                #"{"prompt": "a", "stream": true, "stream_options": {"\#($0)": \#($1)}}"#,
                "stream_options",
                "stream_options has \"\($0)\": \($1). Use include_usage with true or false.")
        }

    static let unknown: [BadRequest] =
        [
            "maxTokens", "top_logprobs", "messages", "max_completion_tokens", "tools", "",
            "Prompt", "chat_template", "use_beam_search",
        ].map { (name: String) in
            BadRequest(
                #"{"prompt": "a", "\#(name)": 1}"#, name,
                "The field \"\(name)\" is unknown. Leave it out, or correct it.",
                code: "unknown_parameter")
        } + [
            BadRequest(
                #"{"prompt": "a", "prompt\u0000": 1}"#, "prompt?",
                "The field \"prompt?\" is unknown. Leave it out, or correct it.",
                code: "unknown_parameter"),
            BadRequest(
                #"{"prompt": "a", "\#(String(repeating: "k", count: 5000))": 1}"#,
                String(repeating: "k", count: 120) + "…",
                "The field \"\(String(repeating: "k", count: 120))…\" is unknown. Leave it out, "
                    + "or correct it.", code: "unknown_parameter"),
            BadRequest(
                #"{"prompt": "a", "suffix": "b"}"#, "suffix",
                "suffix is not supported. Leave it out.", code: "unsupported_parameter"),
            BadRequest(
                #"{"prompt": "a", "suffix": 5}"#, "suffix",
                "suffix is not supported. Leave it out.", code: "unsupported_parameter"),
        ]
}
