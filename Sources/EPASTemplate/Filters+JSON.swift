extension Interpreter {
    /// The filter `tojson` as transformers defines it: Python's `json.dumps`.
    func json(_ input: Value, _ arguments: Arguments) throws -> Value {
        let values = try bind(
            arguments, to: ["ensure_ascii", "indent", "separators", "sort_keys"], of: "tojson")
        var form = JSONForm()
        form.isASCII = try isTrue(values[0] ?? .boolean(false))
        form.sortsKeys = try isTrue(values[3] ?? .boolean(false))
        switch values[1] ?? .none {
        case .none: break
        case .text(let text): form.indentation = text
        // Python does not look at the indentation of a lone text.
        case _ where input.isText: break
        case let value:
            let width = try integer(value, for: "indent")
            form.indentation = try padded(Text(), width: width, fill: 0x20, "ljust")
        }
        if form.indentation != nil { form.comma = Text(",") }
        if let separators = values[2], !separators.isNone {
            let parts = try items(of: separators)
            guard parts.count == 2 else { throw failure("\"separators\" are two texts") }
            form.comma = try requireText(parts[0], for: "separators")
            form.colon = try requireText(parts[1], for: "separators")
        }
        var units: [UInt32] = []
        try write(input, form, level: 0, to: &units)
        return try text(units)
    }

    private struct JSONForm {
        var isASCII = false
        var sortsKeys = false
        var indentation: Text?
        var comma = Text(", ")
        var colon = Text(": ")
    }

    private func write(
        _ value: Value, _ form: JSONForm, level: Int, to units: inout [UInt32]
    ) throws {
        try spend()
        guard units.count <= limits.characters else {
            throw limit("a text has more than \(limits.characters) characters")
        }
        switch value {
        case .none: units += Text("null").units
        case .boolean(let value): units += Text(value ? "true" : "false").units
        case .integer(let value): units += Text("\(value)").units
        case .float(let value): units += Text(Self.json(value)).units
        case .text(let text): try write(text, form, to: &units)
        case .list(let elements), .tuple(let elements):
            try write(elements.items, "[", "]", form, level, to: &units) { item, units in
                try self.write(item, form, level: level + 1, to: &units)
            }
        case .table(let table):
            var entries = table.entries
            if form.sortsKeys { try entries.sort { try isLess($0.key, $1.key) } }
            try write(entries, "{", "}", form, level, to: &units) { entry, units in
                try self.write(try self.jsonKey(entry.key), form, to: &units)
                units += form.colon.units
                try self.write(entry.value, form, level: level + 1, to: &units)
            }
        default: throw failure("a \(value.typeName) cannot be written as JSON")
        }
    }

    private func write<Item>(
        _ items: [Item], _ start: String, _ end: String, _ form: JSONForm, _ level: Int,
        to units: inout [UInt32], _ writeItem: (Item, inout [UInt32]) throws -> Void
    ) throws {
        func newLine(_ level: Int) throws {
            guard let indentation = form.indentation else { return }
            units.append(0x0A)
            for _ in 0..<level { units += indentation.units }
            try spend(level * indentation.count / 16)
            guard units.count <= limits.characters else {
                throw limit("a text has more than \(limits.characters) characters")
            }
        }
        units += Text(start).units
        for (number, item) in items.enumerated() {
            if number > 0 { units += form.comma.units }
            try newLine(level + 1)
            try writeItem(item, &units)
        }
        if !items.isEmpty { try newLine(level) }
        units += Text(end).units
    }

    private func jsonKey(_ key: Value) throws -> Text {
        switch key {
        case .text(let text): text
        case .none: Text("null")
        case .boolean(let value): Text(value ? "true" : "false")
        case .integer(let value): Text("\(value)")
        case .float(let value): Text(Self.json(value))
        default: throw failure("a \(key.typeName) cannot be a key in JSON")
        }
    }

    private static func json(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        return value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : pythonText(value)
    }

    private func write(_ text: Text, _ form: JSONForm, to units: inout [UInt32]) throws {
        try spend(text.count / 16)
        units.append(0x22)
        for unit in text.units {
            let character = scalar(unit)
            let escape: String
            switch character {
            case "\"": escape = "\\\""
            case "\\": escape = "\\\\"
            case "\n": escape = "\\n"
            case "\r": escape = "\\r"
            case "\t": escape = "\\t"
            case "\u{8}": escape = "\\b"
            case "\u{C}": escape = "\\f"
            case "\u{0}"..<" ": escape = Self.escape(UInt16(character.value))
            default:
                // `ensure_ascii` writes even U+007F as an escape.
                guard form.isASCII, character.value >= 0x7F else {
                    units.append(unit)
                    continue
                }
                escape = UTF16.encode(character).map { $0.map(Self.escape).joined() } ?? ""
            }
            units += escape.unicodeScalars.map { $0.value | unit & Text.mark }
        }
        units.append(0x22)
    }

    private static func escape(_ code: UInt16) -> String {
        let digits = String(code, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
}
