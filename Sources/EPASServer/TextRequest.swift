import EPASInference
import EPASJSON
import EPASModel
import HTTPTypes

/// What a request for texts asks for, whichever endpoint it came to.
struct TextRequest: Sendable {
    /// The endpoint, which decides how the answer is written.
    enum Form: Sendable {
        case completion, chat
    }

    let form: Form
    /// The model's name as the request gives it.
    let model: String
    let prompts: [[Int32]]
    /// Texts per prompt: returned, and made to choose from.
    let count: Int
    let candidates: Int
    let echoes: Bool
    /// Alternatives per position; `nil` asks for no log-probabilities.
    let alternatives: Int?
    /// New tokens of each prompt's texts.
    let maximumTokens: [Int]
    let stops: [String]
    let sampling: SamplingFields
    let sharing: ChosenSharing
    let streams: Bool
    let includesUsage: Bool

    /// The tokens of one text's request.
    func generation(
        prompt: Int, candidate: Int, stopTokens: Set<Int32>
    ) throws(APIError) -> GenerationRequest {
        let scores: Int? = alternatives ?? (candidates > count ? 0 : nil)
        return GenerationRequest(
            prompt: prompts[prompt], plan: sharing.plan,
            sampler: try sampling.sampler(choice: candidate),
            maximumTokens: maximumTokens[prompt], stopTokens: stopTokens, alternatives: scores,
            promptAlternatives: echoes ? alternatives : nil)
    }
}

/// What requests are read against.
struct RequestReader {
    let model: ServedModel
    let vocabulary: Int
    let maximumSequence: Int
    let limits: ServerLimits
    /// The length that the header fixes.
    let headerCount: Int?
    /// The length for requests that do not fix one.
    let loadCount: Int?

    func completion(_ body: [UInt8]) throws(APIError) -> TextRequest {
        var fields = try RequestFields(body)
        try fields.refuse("suffix")
        let (name, sharing) = try modelAndSharing(&fields)
        let echoes = try fields.boolean("echo") ?? false
        let alternatives = try fields.integer("logprobs", in: 0...limits.logProbabilities)
        let count = try fields.integer("n", in: 1...limits.choices) ?? 1
        let candidates = try fields.integer("best_of", in: 1...limits.choices) ?? count
        guard candidates >= count else {
            throw .invalid(
                "best_of", "best_of is \(candidates), but n is \(count). Use n or more.")
        }
        let (streams, includesUsage) = try streaming(&fields)
        guard !streams || candidates == count else {
            throw .invalid("best_of", "best_of cannot be streamed unless it is n. Leave it out.")
        }
        let prompts = try prompts(&fields)
        guard prompts.count * candidates <= limits.choices else {
            throw .invalid(
                "prompt",
                "\(prompts.count) prompts with \(candidates) texts each are more than "
                    + "\(limits.choices) texts. Send fewer at once.")
        }
        let most = limits.maximumTokens ?? maximumSequence
        let wanted = try fields.integer("max_tokens", in: 0...most)
        guard wanted != 0 || echoes else {
            throw .invalid(
                "max_tokens", "max_tokens is 0. Use 1 or more, or set echo to read the prompt.")
        }
        let stops = try stops(&fields)
        let sampling = try SamplingFields(&fields, vocabulary: vocabulary, limits: limits)
        fields.ignore("user", "metadata", "store")
        try fields.end()
        return TextRequest(
            form: .completion, model: name, prompts: prompts, count: count,
            candidates: candidates, echoes: echoes, alternatives: alternatives,
            maximumTokens: try room(prompts, wanted: wanted, usual: 16, parameter: "prompt"),
            stops: stops, sampling: sampling, sharing: sharing, streams: streams,
            includesUsage: includesUsage)
    }

    func chat(_ body: [UInt8]) throws(APIError) -> TextRequest {
        var fields = try RequestFields(body)
        try fields.refuse(
            "tools", "tool_choice", "functions", "function_call", "audio", "prediction",
            "web_search_options", "chat_template", "chat_template_kwargs")
        try responseFormat(&fields)
        let (name, sharing) = try modelAndSharing(&fields)
        let wantsScores = try fields.boolean("logprobs") ?? false
        let top = try fields.integer("top_logprobs", in: 0...limits.logProbabilities)
        guard top == nil || wantsScores else {
            throw .invalid("top_logprobs", "top_logprobs needs logprobs to be true. Set it.")
        }
        let count = try fields.integer("n", in: 1...limits.choices) ?? 1
        let (streams, includesUsage) = try streaming(&fields)
        let prompt = try chatPrompt(&fields)
        let most = limits.maximumTokens ?? maximumSequence
        let old = try fields.integer("max_tokens", in: 1...most)
        let new = try fields.integer("max_completion_tokens", in: 1...most)
        if let old, let new, old != new {
            throw .invalid(
                "max_tokens",
                "max_tokens is \(old) and max_completion_tokens is \(new). Give one of them.")
        }
        let stops = try stops(&fields)
        let sampling = try SamplingFields(&fields, vocabulary: vocabulary, limits: limits)
        fields.ignore(
            "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key",
            "parallel_tool_calls", "reasoning_effort", "verbosity", "modalities")
        try fields.end()
        return TextRequest(
            form: .chat, model: name, prompts: [prompt], count: count, candidates: count,
            echoes: false, alternatives: wantsScores ? top ?? 0 : nil,
            maximumTokens: try room(
                [prompt], wanted: new ?? old,
                named: new == nil ? "max_tokens" : "max_completion_tokens", usual: most,
                parameter: "messages"),
            stops: stops, sampling: sampling, sharing: sharing, streams: streams,
            includesUsage: includesUsage)
    }

    // MARK: - Fields

    private func modelAndSharing(
        _ fields: inout RequestFields
    ) throws(APIError) -> (String, ChosenSharing) {
        let name = try fields.string("model") ?? model.name
        let alias = try model.alias(of: name)
        let count = try fields.integer("sharing_layers", in: 0...model.sharing.maximum)
        let sharing = try model.sharing.choose(
            alias: alias, field: count, header: headerCount, loadCount: loadCount)
        return (name, sharing)
    }

    private func streaming(
        _ fields: inout RequestFields
    ) throws(APIError) -> (streams: Bool, includesUsage: Bool) {
        let streams = try fields.boolean("stream") ?? false
        guard let options = fields.value("stream_options") else { return (streams, false) }
        guard streams else {
            throw .invalid("stream_options", "stream_options needs stream to be true. Set it.")
        }
        guard case .object(let entries) = options else {
            throw .invalid(
                "stream_options", "stream_options is \(options.quotation). Use an object.")
        }
        var includesUsage = false
        for (key, value) in entries {
            switch (key, value) {
            case ("include_usage", .boolean(let flag)): includesUsage = flag
            case ("include_obfuscation", .boolean), (_, .null): break
            default:
                throw .invalid(
                    "stream_options",
                    "stream_options has \"\(shown(key))\": \(value.quotation). Use include_usage "
                        + "with true or false.")
            }
        }
        return (true, includesUsage)
    }

    private func responseFormat(_ fields: inout RequestFields) throws(APIError) {
        guard let format = fields.value("response_format") else { return }
        guard format["type"]?.string == "text" else {
            throw .invalid(
                "response_format",
                "response_format is \(format.quotation). Only {\"type\": \"text\"} is supported.",
                code: "unsupported_parameter")
        }
    }

    private func stops(_ fields: inout RequestFields) throws(APIError) -> [String] {
        guard let value = fields.value("stop") else { return [] }
        let elements: [JSONValue] = if case .array(let list) = value { list } else { [value] }
        guard elements.count <= limits.stopStrings else {
            throw .invalid(
                "stop",
                "stop has \(elements.count) strings. Use at most \(limits.stopStrings).")
        }
        var strings: [String] = []
        for element in elements {
            guard let text = element.string, !text.isEmpty else {
                throw .invalid(
                    "stop",
                    "stop has \(element.quotation). Use a string, or several, none empty.")
            }
            guard text.utf8.count <= limits.stopBytes else {
                throw .invalid(
                    "stop",
                    "A stop string has \(text.utf8.count) bytes. Use at most "
                        + "\(limits.stopBytes).")
            }
            strings.append(text)
        }
        return strings
    }

    /// New tokens of each prompt's texts, which must fit behind it.
    private func room(
        _ prompts: [[Int32]], wanted: Int?, named: String = "max_tokens", usual: Int,
        parameter: String
    ) throws(APIError) -> [Int] {
        var limits: [Int] = []
        for prompt in prompts {
            let room = maximumSequence - prompt.count
            guard room >= wanted ?? 1 else {
                let and = wanted.map { " and \(named) is \($0)" } ?? ""
                throw .invalid(
                    parameter,
                    "The prompt has \(prompt.count) tokens\(and), but the longest sequence is "
                        + "\(maximumSequence) tokens. Shorten the prompt or ask for fewer.",
                    code: "context_length_exceeded")
            }
            limits.append(wanted ?? min(usual, room))
        }
        return limits
    }
}
