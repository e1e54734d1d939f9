extension Interpreter {
    /// Python's `str` of a value, or its `repr`.
    func string(of value: Value, isQuoted: Bool = false) throws -> Text {
        if case .text(let text) = value, !isQuoted { return text }
        if case .undefined = value, !isQuoted { return Text() }
        var units: [UInt32] = []
        try write(value, to: &units)
        return try checked(Text(units))
    }

    private func write(_ value: Value, to units: inout [UInt32]) throws {
        try spend()
        guard units.count <= limits.characters else {
            throw limit("a text has more than \(limits.characters) characters")
        }
        func write(_ string: String) { units += string.unicodeScalars.map(\.value) }
        switch value {
        case .undefined: write("Undefined")
        case .none: write("None")
        case .boolean(let value): write(value ? "True" : "False")
        case .integer(let value): write("\(value)")
        case .float(let value): write(pythonText(value))
        case .text(let text):
            try spend(text.count / 16)
            if text.isMarkup { write("Markup(") }
            units += text.quoted.units
            if text.isMarkup { write(")") }
        case .list(let elements):
            try self.write(elements.items, "[", "]", to: &units)
        case .tuple(let elements):
            try self.write(
                elements.items, "(", elements.items.count == 1 ? ",)" : ")", to: &units)
        case .table(let table): try self.write(table, to: &units)
        case .view(_, let view):
            try self.write(try items(of: value), "dict_\(view)([", "])", to: &units)
        case .range(let range):
            let step = range.step == 1 ? "" : ", \(range.step)"
            write("range(\(range.start), \(range.stop)\(step))")
        case .namespace(let namespace):
            write("<Namespace ")
            // A namespace can hold itself.
            try nested { try self.write(namespace.attributes, to: &units) }
            write(">")
        case .macro(let macro):
            write("<Macro ")
            if let name = macro.definition.name {
                units += Text(name).quoted.units
            } else {
                write("anonymous")
            }
            write(">")
        case .loop(let loop): write("<LoopContext \(loop.index0 + 1)/\(try loop.length())>")
        case .generator, .function, .method:
            throw failure("a \(value.typeName) cannot be written as text")
        }
    }

    private func write(
        _ items: [Value], _ start: String, _ end: String, to units: inout [UInt32]
    ) throws {
        units += start.unicodeScalars.map(\.value)
        for (number, item) in items.enumerated() {
            if number > 0 { units += [0x2C, 0x20] }
            try write(item, to: &units)
        }
        units += end.unicodeScalars.map(\.value)
    }

    private func write(_ table: Table, to units: inout [UInt32]) throws {
        units.append(0x7B)
        for (number, entry) in table.entries.enumerated() {
            if number > 0 { units += [0x2C, 0x20] }
            try write(entry.key, to: &units)
            units += [0x3A, 0x20]
            try write(entry.value, to: &units)
        }
        units.append(0x7D)
    }
}

/// Python's `repr` of a float: the shortest digits that read back as it.
func pythonText(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    let sign = value.sign == .minus ? "-" : ""
    if value == 0 { return sign + "0.0" }
    // Swift's digits are the shortest too; only the form is Python's.
    let parts = value.magnitude.description.split(separator: "e")
    let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let written = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
    let all = String(mantissa[0]) + (mantissa.count > 1 ? String(mantissa[1]) : "")
    let leading = all.prefix { $0 == "0" }.count
    var digits = String(all.dropFirst(leading))
    // The number is 0.DIGITS times ten to this power.
    let point = mantissa[0].count + written - leading
    while digits.count > 1, digits.hasSuffix("0") { digits.removeLast() }
    if point > 16 || point < -3 {
        let power = point - 1
        let rest = digits.dropFirst()
        let width = String(abs(power)).count < 2 ? "0" : ""
        return sign + digits.prefix(1) + (rest.isEmpty ? "" : "." + rest)
            + "e\(power < 0 ? "-" : "+")\(width)\(abs(power))"
    }
    if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
    if digits.count <= point {
        return sign + digits + String(repeating: "0", count: point - digits.count) + ".0"
    }
    return sign + digits.prefix(point) + "." + digits.dropFirst(point)
}

extension Text {
    /// Python's `repr` of a string.
    var quoted: Text {
        func has(_ character: Unicode.Scalar) -> Bool { units.contains { scalar($0) == character } }
        let quote: Unicode.Scalar = has("'") && !has("\"") ? "\"" : "'"
        var result = [quote.value]
        result.reserveCapacity(count + 2)
        for unit in units {
            let character = scalar(unit)
            let escape: String
            switch character {
            case "\\": escape = "\\\\"
            case "\n": escape = "\\n"
            case "\r": escape = "\\r"
            case "\t": escape = "\\t"
            case quote: escape = "\\\(quote)"
            default:
                guard !isPrintable(unit) else {
                    result.append(unit)
                    continue
                }
                let value = character.value
                let (letter, width) =
                    value < 0x100 ? ("x", 2) : value < 0x1_0000 ? ("u", 4) : ("U", 8)
                let digits = String(value, radix: 16)
                escape =
                    "\\\(letter)" + String(repeating: "0", count: width - digits.count) + digits
            }
            result += escape.unicodeScalars.map { $0.value | unit & Self.mark }
        }
        return Text(result + [quote.value])
    }
}
