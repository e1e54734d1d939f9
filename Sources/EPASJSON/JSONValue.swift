/// A JSON value of a small file, such as `config.json`; objects keep their order.
package enum JSONValue {
    case null
    case boolean(Bool)
    /// The number's text, so that nothing is rounded before its meaning is known.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([(String, JSONValue)])

    package static func integer(_ value: some BinaryInteger) -> JSONValue { .number("\(value)") }

    /// - Precondition: the value is finite.
    package static func double(_ value: Double) -> JSONValue {
        guard value.isFinite else { fatalError("JSON has no \(value)") }
        return .number("\(value)")
    }

    /// Values accepted in one text, and bytes: bounds on what it can make us store.
    package static let valueLimit = 1 << 20
    package static let byteLimit = 64 << 20

    /// Parses a whole text. A key written twice is refused.
    package init(_ bytes: UnsafeRawBufferPointer) throws(JSONScanner.Failure) {
        guard bytes.count <= Self.byteLimit else {
            throw JSONScanner.Failure(offset: 0, problem: "the text is too long")
        }
        var scanner = JSONScanner(bytes)
        var budget = Self.valueLimit
        self = try JSONValue(&scanner, depth: 0, budget: &budget)
        try scanner.end()
    }

    /// Parses the value that comes next, inside `depth` collections; `budget` is the number of
    /// values accepted, and is reduced.
    package init(
        _ scanner: inout JSONScanner, depth: Int, budget: inout Int
    ) throws(JSONScanner.Failure) {
        guard depth <= JSONScanner.depthLimit else {
            throw scanner.failure("the nesting is too deep")
        }
        budget -= 1
        guard budget >= 0 else { throw scanner.failure("there are too many values") }
        switch scanner.peek() {
        case UInt8(ascii: "{"):
            try scanner.beginObject()
            var entries: [(String, JSONValue)] = []
            var keys: Set<String> = []
            while let key = try scanner.nextKey(isFirst: entries.isEmpty) {
                guard keys.insert(key).inserted else {
                    throw scanner.failure("key \"\(shown(key))\" is written twice")
                }
                entries.append((key, try JSONValue(&scanner, depth: depth + 1, budget: &budget)))
            }
            self = .object(entries)
        case UInt8(ascii: "["):
            try scanner.beginArray()
            var elements: [JSONValue] = []
            while try scanner.hasElement(isFirst: elements.isEmpty) {
                elements.append(try JSONValue(&scanner, depth: depth + 1, budget: &budget))
            }
            self = .array(elements)
        case UInt8(ascii: "\""): self = .string(try scanner.string())
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
            switch try scanner.word() {
            case "true": self = .boolean(true)
            case "false": self = .boolean(false)
            default: self = .null
            }
        default: self = .number(try scanner.number())
        }
    }

    package subscript(key: String) -> JSONValue? {
        guard case .object(let entries) = self else { return nil }
        return entries.first { $0.0 == key }?.1
    }

    package var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// The whole number, written as one, in `Int`'s range.
    package var integer: Int? {
        guard case .number(let text) = self else { return nil }
        return Int(text)
    }

    /// The number, if it is finite.
    package var double: Double? {
        guard case .number(let text) = self, let value = Double(text), value.isFinite else {
            return nil
        }
        return value
    }

    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    package var boolean: Bool? {
        if case .boolean(let value) = self { value } else { nil }
    }

    /// The value as an error quotes it.
    package var quotation: String { shown(compactText) }
}

extension JSONValue {
    package var compactText: String {
        var output = ""
        write(to: &output, indentation: nil)
        return output
    }

    /// Indented by two spaces, as `config.json` usually is, with a line's end.
    package var indentedText: String {
        var output = ""
        write(to: &output, indentation: 0)
        return output + "\n"
    }

    private func write(to output: inout String, indentation: Int?) {
        switch self {
        case .null: output += "null"
        case .boolean(let value): output += "\(value)"
        case .number(let text): output += text
        case .string(let text): Self.write(text, to: &output)
        case .array(let elements):
            output += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { output += indentation == nil ? "," : ", " }
                element.write(to: &output, indentation: indentation)
            }
            output += "]"
        case .object(let entries):
            output += "{"
            for (index, (key, value)) in entries.enumerated() {
                if index > 0 { output += "," }
                if let indentation {
                    output += "\n" + String(repeating: " ", count: indentation + 2)
                }
                Self.write(key, to: &output)
                output += indentation == nil ? ":" : ": "
                value.write(to: &output, indentation: indentation.map { $0 + 2 })
            }
            if let indentation, !entries.isEmpty {
                output += "\n" + String(repeating: " ", count: indentation)
            }
            output += "}"
        }
    }

    private static func write(_ text: String, to output: inout String) {
        output += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case "\u{0}"..<"\u{20}", "\u{7F}":
                let digits = String(scalar.value, radix: 16)
                output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: output.unicodeScalars.append(scalar)
            }
        }
        output += "\""
    }
}
