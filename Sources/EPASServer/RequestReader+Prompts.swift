import EPASJSON
import EPASTokenizer
import HTTPTypes

extension RequestReader {
    /// A text, several, a list of tokens, or several.
    func prompts(_ fields: inout RequestFields) throws(APIError) -> [[Int32]] {
        guard let value = fields.value("prompt") else {
            throw .invalid(
                "prompt", "There is no prompt. Give a string or a list of tokens, or several.")
        }
        switch value {
        case .string(let text): return [try tokens(of: text)]
        case .array(let elements):
            guard let first = elements.first else {
                throw .invalid("prompt", "The prompt is empty. Give at least one token.")
            }
            if case .number = first { return [try tokens(elements)] }
            guard elements.count <= limits.choices else {
                throw .invalid(
                    "prompt",
                    "There are \(elements.count) prompts. Send at most \(limits.choices) at once.")
            }
            var prompts: [[Int32]] = []
            for element in elements {
                switch (first, element) {
                case (.string, .string(let text)): prompts.append(try tokens(of: text))
                case (.array, .array(let ids)): prompts.append(try tokens(ids))
                default: throw unusable(element)
                }
            }
            return prompts
        default: throw unusable(value)
        }
    }

    private func unusable(_ value: JSONValue) -> APIError {
        .invalid(
            "prompt",
            "The prompt has \(value.quotation). Give a string or a list of tokens, or several of "
                + "one kind.")
    }

    /// Tokens as they are: nothing is put before them.
    private func tokens(_ ids: [JSONValue]) throws(APIError) -> [Int32] {
        guard !ids.isEmpty else {
            throw .invalid("prompt", "A prompt is empty. Give at least one token.")
        }
        try checkLength(ids.count)
        var tokens: [Int32] = []
        tokens.reserveCapacity(ids.count)
        for id in ids {
            guard let token = id.integer, (0..<vocabulary).contains(token) else {
                throw .invalid(
                    "prompt",
                    "The prompt has the token \(id.quotation). Use whole numbers from 0 to "
                        + "\(vocabulary - 1).")
            }
            tokens.append(Int32(token))
        }
        return tokens
    }

    private func tokens(of text: String) throws(APIError) -> [Int32] {
        // No token spells as many bytes on average, so there is no need to look.
        try checkLength(text.utf8.count / 256)
        let start = model.tokenizer.beginningOfSequence.map { [$0] } ?? []
        let tokens = start + model.tokenizer.encode(text)
        guard !tokens.isEmpty else {
            throw .invalid(
                "prompt",
                "The prompt is empty, and the model has no token to begin with. Give some text.")
        }
        return tokens
    }

    private func checkLength(
        _ count: Int, parameter: String = "prompt"
    ) throws(APIError) {
        guard count <= maximumSequence else {
            throw .invalid(
                parameter,
                "The prompt has \(count) tokens or more, but the longest sequence is "
                    + "\(maximumSequence) tokens. Shorten it.",
                code: "context_length_exceeded")
        }
    }

    func chatPrompt(_ fields: inout RequestFields) throws(APIError) -> [Int32] {
        let value = fields.value("messages")
        guard case .array(let elements)? = value, !elements.isEmpty else {
            throw .invalid("messages", "There are no messages. Give a list of at least one.")
        }
        guard elements.count <= limits.messages else {
            throw .invalid(
                "messages",
                "There are \(elements.count) messages. Send at most \(limits.messages).")
        }
        guard let chat = model.chat else {
            throw APIError(
                .badRequest,
                "The model has no chat template. Use /v1/completions, or a checkpoint with "
                    + "chat_template.jinja.",
                code: "no_chat_template")
        }
        var messages: [ChatMessage] = []
        var bytes = 0
        for (index, element) in elements.enumerated() {
            let message = try message(element, name: "messages[\(index)]")
            bytes += message.content.utf8.count
            messages.append(message)
        }
        try checkLength(bytes / 256, parameter: "messages")
        let tokens: [Int32]
        do {
            tokens = try chat.prompt(messages)
        } catch {
            throw .invalid("messages", "\(error)", code: "chat_template_error")
        }
        guard !tokens.isEmpty else {
            throw .invalid("messages", "The messages make an empty prompt. Give some text.")
        }
        guard tokens.allSatisfy({ (0..<Int32(vocabulary)).contains($0) }) else {
            throw APIError(
                .internalServerError,
                "The tokenizer has tokens that the model does not know. Use the model's own.",
                type: "server_error")
        }
        return tokens
    }

    private func message(_ value: JSONValue, name: String) throws(APIError) -> ChatMessage {
        guard case .object(let entries) = value else {
            throw .invalid(name, "\(name) is \(value.quotation). Use an object.")
        }
        var role: String?
        var author: String?
        var content: String?
        for (key, value) in entries {
            switch key {
            case "role": role = value.string
            case "name":
                guard value.isNull || value.string != nil else {
                    throw .invalid(name, "\(name) has name \(value.quotation). Use a string.")
                }
                author = value.string
            case "content": content = try text(value, name: name)
            case "tool_calls", "refusal", "audio", "function_call", "annotations",
                "reasoning_content":
                if value.isNull { continue }
                if case .array(let list) = value, list.isEmpty { continue }
                throw .invalid(name, "\(name) has \(key), which is not supported. Leave it out.")
            default:
                throw .invalid(
                    name, "\(name) has the unknown field \"\(shown(key))\". Leave it out.")
            }
        }
        guard let role, ["system", "developer", "user", "assistant"].contains(role) else {
            throw .invalid(
                name, "\(name) has no usable role. Use system, developer, user or assistant.")
        }
        guard let content else {
            throw .invalid(name, "\(name) has no content. Give a text.")
        }
        return ChatMessage(role: role, content: content, name: author)
    }

    /// A text, or parts of one.
    private func text(_ value: JSONValue, name: String) throws(APIError) -> String {
        switch value {
        case .string(let text): return text
        case .array(let parts):
            var text = ""
            for part in parts {
                guard part["type"]?.string == "text", let piece = part["text"]?.string else {
                    throw .invalid(
                        name,
                        "\(name) has content that is no text: \(part.quotation). Give text only.")
                }
                text += piece
            }
            return text
        default:
            throw .invalid(name, "\(name) has content \(value.quotation). Give a text.")
        }
    }
}
