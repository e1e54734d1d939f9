import EPASJSON
import EPASTemplate
import Testing

/// JSON text as a value.
func json(_ text: String) throws -> JSONValue {
    var text = text
    return try text.withUTF8 { try JSONValue(UnsafeRawBufferPointer($0)) }
}

/// Renders a template with the variables of a JSON object.
func render(
    _ template: String, _ variables: String = "{}", limits: TemplateLimits = TemplateLimits()
) throws -> RenderedText {
    guard case .object(let entries) = try json(variables) else {
        throw JSONScanner.Failure(offset: 0, problem: "the variables are no object")
    }
    return try Template(template, limits: limits).render(
        entries.map { Template.Variable($0.0, $0.1) }, now: { "now(\($0))" })
}

/// What an error of a template says.
func problem(_ template: String, limits: TemplateLimits = TemplateLimits()) -> String {
    do {
        let text = try render(template, limits: limits).text
        return "no error but \"\(text.prefix(100))\""
    } catch {
        return "\(error)"
    }
}
