/// What is wrong with chats.
extension BadRequest {
    private static let roles =
        "messages[0] has no usable role. Use system, developer, user or assistant."

    static let messages: [BadRequest] =
        [
            "{}", #"{"messages": null}"#, #"{"messages": []}"#, #"{"messages": {}}"#,
            #"{"messages": "a"}"#, #"{"messages": 5}"#, #"{"prompt": "a"}"#,
        ].map {
            chat(
                whole: $0, "messages", "There are no messages. Give a list of at least one.")
        }
        + [#""a""#, "null", "[]", "5", "true"].map {
            message($0, "messages[0] is \($0). Use an object.")
        }
        + ["5", "null", #""tool""#, #""User""#, #""<s>""#, #""""#, #""user ""#].map {
            message(#"{"role": \#($0), "content": "a"}"#, roles)
        }
        + [
            message("{}", roles), message(#"{"content": "a"}"#, roles),
            message(#"{"role": "user"}"#, "messages[0] has no content. Give a text."),
        ]
        + ["null", "5", "{}", "true"].map {
            message(
                #"{"role": "user", "content": \#($0)}"#,
                "messages[0] has content \($0). Give a text.")
        }
        + [
            #""a""#, "5", #"{"type":"text"}"#, #"{"text":"a"}"#, #"{"type":"text","text":5}"#,
            #"{"type":"image_url","image_url":{"url":"http://127.0.0.1/"}}"#, "null",
        ].map {
            message(
                #"{"role": "user", "content": [{"type": "text", "text": "a"}, \#($0)]}"#,
                "messages[0] has content that is no text: \($0). Give text only.")
        }
        + ["5", "[]", "{}", "true"].map {
            message(
                #"{"role": "user", "content": "a", "name": \#($0)}"#,
                "messages[0] has name \($0). Use a string.")
        }
        + ["tool_calls", "audio", "function_call", "refusal"].map {
            message(
                #"{"role": "user", "content": "a", "\#($0)": {"a": 1}}"#,
                "messages[0] has \($0), which is not supported. Leave it out.")
        }
        + [
            message(
                #"{"role": "user", "content": "a", "tool_call_id": "x"}"#,
                "messages[0] has the unknown field \"tool_call_id\". Leave it out."),
            chat(
                whole: #"{"messages": [{"role": "user", "content": "a"}, {"role": "robot"}]}"#,
                "messages[1]",
                "messages[1] has no usable role. Use system, developer, user or assistant."),
            chat(
                whole: #"{"messages": [{"role": "assistant", "content": "a"}]}"#, "messages",
                "The first message must not be the assistant's. Reorder them.",
                code: "chat_template_error"),
            chat(
                whole: #"{"messages": [{"role": "user", "content": "\#(text(600))"}]}"#,
                "messages",
                "The prompt has 607 tokens, but the longest sequence is 512 tokens. Shorten the "
                    + "prompt or ask for fewer.", code: "context_length_exceeded"),
            chat(
                whole: #"{"messages": [{"role": "user", "content": "\#(text(200_000))"}]}"#,
                "messages",
                "The prompt has 781 tokens or more, but the longest sequence is 512 tokens. "
                    + "Shorten it.", code: "context_length_exceeded"),
            chat(
                whole: #"{"messages": \#([Int](repeating: 0, count: 4097))}"#, "messages",
                "There are 4097 messages. Send at most 4096."),
        ]

    private static func message(_ message: String, _ sentence: String) -> BadRequest {
        chat(whole: #"{"messages": [\#(message)]}"#, "messages[0]", sentence)
    }

    private static func text(_ count: Int) -> String { String(repeating: "a", count: count) }

    static let chatFields: [BadRequest] =
        chatFields(
            "max_tokens", ["0", "-1", "513", "1.5", #""5""#, "1e999"],
            "Use a whole number from 1 to 512.")
        + chatFields(
            "max_completion_tokens", ["0", "-1", "513", "1.5", "true", "9223372036854775808"],
            "Use a whole number from 1 to 512.")
        + chatFields("logprobs", ["5", "0", #""true""#, "[]"], "Use true or false.")
        + chatFields("stream", ["1", #""yes""#], "Use true or false.")
        + chatFields("n", ["0", "129", "1.5", "-1"], "Use a whole number from 1 to 128.")
        + chatFields("temperature", ["-1", "3", "1e999"], "Use a number from 0 to 2.")
        + chatFields("sharing_layers", ["-1", "6", #""2""#], "Use a whole number from 0 to 5.")
        + chatFields(
            "response_format", [#"{"type":"json_object"}"#, #""text""#, "{}", "5"],
            #"Only {"type": "text"} is supported."#
        ).map {
            var copy = $0
            copy.code = "unsupported_parameter"
            return copy
        }
        + ["21", "-1", "1.5"].map {
            chat(
                #""logprobs": true, "top_logprobs": \#($0)"#, "top_logprobs",
                "top_logprobs is \($0). Use a whole number from 0 to 20.")
        }
        + [#""top_logprobs": 5"#, #""logprobs": false, "top_logprobs": 0"#].map {
            chat(
                $0, "top_logprobs", "top_logprobs needs logprobs to be true. Set it.")
        }
        + [
            "best_of", "echo", "prompt", "suffix", "add_generation_prompt", "guided_json", "usr",
        ].map { (name: String) in
            chat(
                #""\#(name)": "a""#, name,
                "The field \"\(name)\" is unknown. Leave it out, or correct it.",
                code: "unknown_parameter")
        }
        + [
            ("tools", #"[{"type": "function"}]"#), ("tool_choice", #""auto""#),
            ("functions", "[{}]"), ("function_call", #""none""#),
            ("chat_template", #""{{ messages }}""#), ("chat_template_kwargs", #"{"a": 1}"#),
            ("audio", "{}"), ("prediction", "{}"), ("web_search_options", "{}"),
        ].map { (name: String, value: String) in
            chat(
                #""\#(name)": \#(value)"#, name, "\(name) is not supported. Leave it out.",
                code: "unsupported_parameter")
        }
        + [
            chat(
                #""max_tokens": 5, "max_completion_tokens": 6"#, "max_tokens",
                "max_tokens is 5 and max_completion_tokens is 6. Give one of them."),
            chat(
                #""max_completion_tokens": 512"#, "messages",
                "The prompt has 8 tokens and max_completion_tokens is 512, but the longest "
                    + "sequence is 512 tokens. Shorten the prompt or ask for fewer.",
                code: "context_length_exceeded"),
            chat(
                #""stop": """#, "stop", #"stop has "". Use a string, or several, none empty."#),
            chat(
                #""stream_options": {}"#, "stream_options",
                "stream_options needs stream to be true. Set it."),
            chat(
                #""logit_bias": {"x": 1}"#, "logit_bias",
                "logit_bias names the token \"x\". Use whole numbers from 0 to 257."),
        ]
}
