import EPASJSON
package import EPASTemplate
package import EPASTokenizer

/// Chats by a model's chat template.
package struct TemplateChat: ChatRenderer {
    private let template: ChatTemplate
    private let tokenizer: any Tokenizer

    package init(_ template: ChatTemplate, tokenizer: any Tokenizer) {
        self.template = template
        self.tokenizer = tokenizer
    }

    package func prompt(_ messages: [ChatMessage]) throws -> [Int32] {
        let list = messages.map { message in
            var entries = [("role", message.role), ("content", message.content)]
            if let name = message.name { entries.append(("name", name)) }
            return JSONValue.object(entries.map { ($0, .string($1)) })
        }
        let rendered = try template.render(messages: .array(list))
        return tokenizer.encode(rendered.text, untrusted: rendered.untrusted)
    }
}
