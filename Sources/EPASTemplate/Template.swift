package import EPASJSON

/// A chat template: text with expressions and statements of the Jinja language, read once and
/// rendered as often as needed.
///
/// Renders what Jinja2 3.1.6 renders as transformers configures it: sandboxed with immutable
/// values, `trim_blocks`, `lstrip_blocks`, `break` and `continue`, `generation` blocks,
/// `raise_exception`, `strftime_now`, and `tojson` without HTML escapes. Whole numbers have 64
/// bits, and what needs other templates is refused.
package struct Template: Sendable {
    private let body: [Statement]
    private let analysis: ScopeAnalysis
    private let limits: TemplateLimits

    /// - Throws: ``TemplateError`` for what is not of the language.
    package init(_ source: String, limits: TemplateLimits = TemplateLimits()) throws(TemplateError)
    {
        self.limits = limits
        do {
            let (body, frames) = try Parser.parse(source, limits: limits)
            try FilterCheck.check(body)
            self.body = body
            analysis = try ScopeAnalysis(body, frames: frames)
        } catch let error as TemplateError {
            throw error
        } catch {
            fatalError("Reading a template throws no other error: \(error)")
        }
    }

    /// A variable of a render.
    package struct Variable: Sendable {
        package let name: String
        package let value: JSONValue
        /// Whether text in it that spells a special token means the token. True only for what
        /// the model's own files say, such as `bos_token`.
        package let isTrusted: Bool

        package init(_ name: String, _ value: JSONValue, isTrusted: Bool = false) {
            self.name = name
            self.value = value
            self.isTrusted = isTrusted
        }
    }

    /// - Parameter now: What `strftime_now` returns for a format of `strftime`.
    /// - Throws: ``TemplateError`` for a fault of the template, for messages that it refuses, and
    ///   for what reaches one of the limits.
    package func render(
        _ variables: [Variable], now: @escaping (String) -> String
    ) throws(TemplateError) -> RenderedText {
        try render(now: now) { values in
            for variable in variables {
                values[variable.name] = try value(
                    of: variable.value, isTrusted: variable.isTrusted)
            }
        }
    }

    func render(
        now: @escaping (String) -> String, _ fill: (inout [String: Value]) throws -> Void
    ) throws(TemplateError) -> RenderedText {
        do {
            var values: [String: Value] = [:]
            try fill(&values)
            let interpreter = Interpreter(analysis, globals: values, limits: limits, now: now)
            return try RenderedText(try interpreter.render(body), limits)
        } catch let error as TemplateError {
            throw error
        } catch {
            fatalError("Rendering a template throws no other error: \(error)")
        }
    }

    func value(of json: JSONValue, isTrusted: Bool) throws -> Value {
        try Value(json, isUntrusted: !isTrusted, depth: 0, limits)
    }
}

extension Value {
    fileprivate init(
        _ json: JSONValue, isUntrusted: Bool, depth: Int, _ limits: TemplateLimits
    ) throws {
        guard depth < limits.valueDepth else {
            throw TemplateError(
                .limit, line: nil,
                "lists of the messages are inside each other more than \(limits.valueDepth) deep")
        }
        switch json {
        case .null: self = .none
        case .boolean(let value): self = .boolean(value)
        case .number(let text): self = try Value(number: text)
        case .string(let string): self = .text(Text(string, isUntrusted: isUntrusted))
        case .array(let array):
            let items = try array.map {
                try Value($0, isUntrusted: isUntrusted, depth: depth + 1, limits)
            }
            self = .list(Elements(items, depth: (items.lazy.map(\.depth).max() ?? 0) + 1))
        case .object(let entries):
            var table = Table()
            for (name, value) in entries {
                let key = Text(name, isUntrusted: isUntrusted)
                table.set(
                    .text(key), hashed: .text(key),
                    to: try Value(value, isUntrusted: isUntrusted, depth: depth + 1, limits))
            }
            self = .table(table)
        }
    }

    private init(number text: String) throws {
        if text.contains(where: { ".eE".contains($0) }), let value = Double(text) {
            self = .float(value)
        } else if let value = Int(text) {
            self = .integer(value)
        } else {
            throw TemplateError(.limit, line: nil, "a whole number of the messages leaves 64 bits")
        }
    }
}
