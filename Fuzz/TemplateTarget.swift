import EPASJSON
import EPASTemplate
import EPASTokenizer

extension FuzzTarget {
    private static let variables = """
        {"messages": [{"role": "system", "content": " s <s> "}, {"role": "user", "content": "é\\n日"},
        {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f",
        "arguments": {"a": 1.5, "b": [true, null]}}}]}], "tools": null, "xs": [3, -1, 2],
        "d": {"b": 1, "a": "x"}, "big": 9223372036854775807, "low": -9223372036854775808,
        "huge": 1e308, "s": "a,b;c", "bos_token": "<s>", "add_generation_prompt": true}
        """

    /// Renders a template with few steps, so that the inputs are many.
    func renderTemplate(_ bytes: UnsafeRawBufferPointer) {
        var limits = TemplateLimits()
        limits.steps = 100_000
        limits.characters = 1 << 18
        guard let source = String(validating: bytes, as: UTF8.self),
            let template = try? Template(source, limits: limits)
        else { return }
        var text = Self.variables
        guard let json = text.withUTF8({ try? JSONValue(UnsafeRawBufferPointer($0)) }),
            case .object(let entries) = json
        else { fatalError("The variables are no JSON") }
        let variables = entries.map {
            Template.Variable($0.0, $0.1, isTrusted: $0.0 == "bos_token")
        }
        guard let rendered = try? template.render(variables, now: { $0 }) else { return }
        let count = rendered.text.utf8.count
        var last = 0
        for range in rendered.untrusted {
            guard last <= range.lowerBound, !range.isEmpty, range.upperBound <= count else {
                fatalError("ranges \(rendered.untrusted) of \(count) bytes")
            }
            last = range.upperBound
        }
    }
}
