import EPASJSON
import EPASTemplate
import EPASTokenizer
import Foundation
import Testing

@Suite("Chat templates: chats")
struct ChatTemplateTests {
    private static let chatML = """
        {% for m in messages %}<|im_start|>{{ m.role }}
        {{ m.content }}<|im_end|>
        {% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
        {% endif %}
        """

    /// The parts of the text that came from the messages.
    private func untrusted(_ rendered: RenderedText) -> [String] {
        let bytes = Array(rendered.text.utf8)
        return rendered.untrusted.map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    @Test("a chat with and without the beginning of an answer")
    func chat() throws {
        let template = try ChatTemplate(Self.chatML)
        let messages = try json(#"[{"role": "user", "content": "Hé"}]"#)
        #expect(
            try template.render(messages: messages).text
                == "<|im_start|>user\nHé<|im_end|>\n<|im_start|>assistant\n")
        #expect(
            try template.render(messages: messages, addGenerationPrompt: false).text
                == "<|im_start|>user\nHé<|im_end|>\n")
    }

    @Test(
        "text of messages is known as such, whatever is done with it",
        arguments: [
            ("[{{ m }}]", ["a<s>é"]), ("{{ 'x' + m ~ 'y' }}", ["a<s>é"]),
            ("{{ m | upper }}", ["A<S>É"]), ("{{ m.split('<') | join('<') }}", ["a", "s>é"]),
            ("{{ m[1:4] }}|{{ m[::-1] }}", ["<s>", "é>s<a"]),
            ("{{ {'k': m} | tojson }}", ["a<s>é"]), ("{{ [m] }}", ["a<s>é"]),
            ("{{ m | replace('s', '-') }}", ["a<", ">é"]),
            ("{{ 'q' | replace('q', m) }}", ["a<s>é"]),
            ("{{ '%s|%5s' % (m, 'x') }}", ["a<s>é"]), ("{{ '{}'.format(m) }}", ["a<s>é"]),
            ("{% set x %}({{ m }}){% endset %}{{ x }}", ["a<s>é"]),
            ("{% macro f(x) %}{{ x }}{% endmacro %}{{ f(m) }}", ["a<s>é"]),
            ("{% filter trim %} {{ m }} {% endfilter %}", ["a<s>é"]),
            ("{{ m | e }}", ["a&lt;s&gt;é"]), ("{{ m * 2 }}", ["a<s>éa<s>é"]),
            ("{% for c in m %}{{ c }}{% endfor %}", ["a<s>é"]), ("{{ m | length }}<s>", []),
            ("{{ m | tojson(true) }}", [#"a<s>\u00e9"#]), ("{{ k | list | first }}", ["<key>"]),
            ("{{ k | items | list }}", ["<key>", "v"]), ("{{ m.center(9, '*') }}", ["a<s>é"]),
            ("{{ m | title }}", ["A<S>é"]), ("{{ m | indent | trim('é') }}", ["a<s>"]),
        ])
    func marks(source: String, expected: [String]) throws {
        let rendered = try render(source, #"{"m": "a<s>é", "k": {"<key>": "v"}}"#)
        #expect(untrusted(rendered) == expected)
    }

    @Test("the model's tokens and the known roles are the template's own text")
    func trusted() throws {
        let template = try ChatTemplate(
            "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}",
            tokens: [("bos_token", "<s>")])
        let rendered = try template.render(
            messages: try json(
                #"[{"role": "user", "content": "x"}, {"role": "evil", "content": ""}]"#))
        #expect(rendered.text == "<s><|user|>x<|evil|>")
        #expect(untrusted(rendered) == ["x", "evil"])
    }

    @Test("variables that are given replace neither the messages nor the model's tokens")
    func givenVariables() throws {
        let template = try ChatTemplate(
            "{{ bos_token }}{{ messages | length }}{{ x }}", tokens: [("bos_token", "<s>")])
        let rendered = try template.render(
            messages: .array([]),
            variables: ["bos_token", "messages", "x"].map { .init($0, .string("!")) })
        #expect(rendered.text == "<s>0!")
    }

    @Test(
        "messages that are no list of objects",
        arguments: [
            ("{}", "The chat template refuses the messages: they are not a list."),
            ("[1]", "The chat template refuses the messages: one of them is not an object."),
            (
                #"[{"n": 99999999999999999999}]"#,
                "The chat template was stopped: a whole number of the messages leaves 64 bits."
            ),
        ])
    func wrongMessages(messages: String, expected: String) throws {
        let template = try ChatTemplate("x")
        let error = #expect(throws: TemplateError.self) {
            try template.render(messages: try json(messages))
        }
        #expect(error?.description == expected)
    }

    @Test("what a model thought is found under each of its names")
    func reasoning() throws {
        let template = try ChatTemplate(
            "{% for m in messages %}{{ m.reasoning_content }}{{ m.thinking }};{% endfor %}")
        let messages = try json(
            #"[{"reasoning": "a"}, {"thinking": "b"}, {"reasoning_content": "c"}, {"role": "d"}]"#)
        #expect(try template.render(messages: messages).text == "aa;bb;cc;;")
    }

    // MARK: - Folders

    private func withFolder(_ files: [String: String], _ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "epas-template-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files {
            let file = folder.appending(path: name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        if files.isEmpty {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }
        try body(folder)
    }

    private func texts(_ files: [String: String]) throws -> [String] {
        var texts: [String] = []
        try withFolder(files) { folder in
            let template = try ChatTemplate(folder: folder)
            for tools in [nil, JSONValue.array([])] {
                texts.append(try template.render(messages: .array([]), tools: tools).text)
            }
        }
        return texts
    }

    @Test(
        "where a folder has its template",
        arguments: [
            (
                ["chat_template.jinja": "J", "tokenizer_config.json": #"{"chat_template": "C"}"#],
                ["J", "J"]
            ),
            (["tokenizer_config.json": #"{"chat_template": "C"}"#], ["C", "C"]),
            (
                [
                    "tokenizer_config.json":
                        #"{"chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]}"#
                ], ["D", "T"]
            ),
            (
                ["chat_template.jinja": "J", "additional_chat_templates/tool_use.jinja": "T"],
                ["J", "T"]
            ),
            (
                [
                    "chat_template.jinja": "{{ bos_token }}{{ eos_token }}{{ pad_token }}",
                    "tokenizer_config.json":
                        #"{"bos_token": "<s>", "eos_token": {"content": "</s>"}, "pad_token": null}"#,
                    "special_tokens_map.json": #"{"pad_token": "<p>"}"#,
                ], ["<s></s><p>", "<s></s><p>"]
            ),
        ] as [([String: String], [String])])
    func folders(files: [String: String], expected: [String]) throws {
        #expect(try texts(files) == expected)
    }

    @Test(
        "folders whose template cannot be used",
        arguments: [
            (
                [:],
                #"FOLDER has no chat template, neither chat_template.jinja nor "chat_template" in tokenizer_config.json. Give one with --chat-template FILE."#
            ),
            (
                ["tokenizer_config.json": #"{"chat_template": 5}"#],
                #""chat_template" in FOLDER/tokenizer_config.json is neither a text nor a list of objects with name and template. Correct it, or give a template with --chat-template FILE."#
            ),
            (
                ["tokenizer_config.json": "{"],
                "FOLDER/tokenizer_config.json is not JSON: a key is expected (at byte 1). Correct the file, or copy or download it again."
            ),
            (
                ["chat_template.jinja": "{% if %}"],
                #"The chat template fails in line 1: an expression is expected, not "%}"."#
            ),
        ] as [([String: String], String)])
    func refusedFolders(files: [String: String], expected: String) throws {
        try withFolder(files) { folder in
            let error = #expect(throws: (any Error).self) { try ChatTemplate(folder: folder) }
            #expect(
                error.map { "\($0)" }?.replacing(folder.path, with: "FOLDER") == expected)
        }
    }

    @Test("a time in the form of strftime")
    func time() {
        var time = tm()
        time.tm_year = 124
        time.tm_mon = 6
        time.tm_mday = 26
        #expect(ChatTemplate.text(of: time, "%d %b %Y") == "26 Jul 2024")
        #expect(ChatTemplate.text(of: time, "") == "")
        #expect(ChatTemplate.localTime("%Y").count == 4)
    }
}
