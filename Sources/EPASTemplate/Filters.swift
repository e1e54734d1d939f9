import Foundation

/// The names of Jinja2's filters.
enum Filters {
    /// Those that are offered.
    static let names: Set<String> = [
        "abs", "attr", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e",
        "escape", "first", "float", "forceescape", "format", "indent", "int", "items", "join",
        "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "replace",
        "reverse", "round", "safe", "select", "selectattr", "slice", "sort", "string", "sum",
        "title", "tojson", "trim", "unique", "upper", "wordcount",
    ]
    /// The others, which a template may name in a branch that is not taken.
    static let others: Set<String> = [
        "filesizeformat", "groupby", "pprint", "random", "striptags", "truncate", "urlencode",
        "urlize", "wordwrap", "xmlattr",
    ]
}

extension Interpreter {
    func filter(_ name: String, _ input: Value, _ arguments: Arguments) throws -> Value {
        try spend()
        return try textFilter(name, input, arguments)
            ?? numberFilter(name, input, arguments)
            ?? sequenceFilter(name, input, arguments)
            ?? choosingFilter(name, input, arguments)
            ?? unknown(name)
    }

    private func unknown(_ name: String) throws -> Value {
        throw failure(
            Filters.others.contains(name)
                ? "the filter \(shownName(name)) is not for chat templates"
                : "there is no filter \(shownName(name))")
    }

    // MARK: - Text

    private func textFilter(
        _ name: String, _ input: Value, _ arguments: Arguments
    ) throws -> Value? {
        switch name {
        case "upper", "lower", "capitalize", "title", "string", "wordcount", "safe", "e", "escape",
            "forceescape":
            _ = try bind(arguments, to: [], of: name)
            return try plainFilter(name, try string(of: input))
        case "trim":
            let chars = try bind(arguments, to: ["chars"], of: name)[0] ?? .none
            let text = try string(of: input)
            try spend(text.count / 16)
            return .text(try stripped(text, left: true, right: true, chars))
        case "replace":
            let values = try bind(arguments, to: ["old", "new", "count"], required: 2, of: name)
            let most = try values[2].map { $0.isNone ? -1 : try integer($0, for: "count") } ?? -1
            // Without HTML every part becomes plain text.
            let parts = try [input, values[0] ?? .none, values[1] ?? .none].map { value in
                Text(try string(of: value).units)
            }
            try spend(parts[0].count / 16)
            return .text(try replaced(parts[0], parts[1], parts[2], atMost: most))
        case "center":
            let width = try bind(arguments, to: ["width"], of: name)[0]
            return .text(
                try padded(
                    string(of: input), width: width.map { try integer($0, for: "width") } ?? 80,
                    fill: 0x20, name))
        case "indent": return .text(try indented(input, arguments))
        case "format":
            guard arguments.positional.isEmpty || arguments.named.isEmpty else {
                throw failure("\"format\" takes arguments either with or without names")
            }
            let values =
                arguments.named.isEmpty
                ? try tuple(arguments.positional)
                : .table(
                    try table(arguments.names.map { (.text($0), arguments.named[$0] ?? .none) }))
            return .text(try percentFormat(string(of: input), values))
        case "tojson": return try json(input, arguments)
        default: return nil
        }
    }

    private func plainFilter(_ name: String, _ text: Text) throws -> Value {
        try spend(text.count / 16)
        switch name {
        case "upper": return .text(try checked(text.uppercased()))
        case "lower": return .text(try checked(text.lowercased()))
        case "capitalize": return .text(try checked(text.capitalized()))
        case "title": return .text(try checked(Text(text.titledWords().units)))
        case "string": return .text(text)
        case "safe": return .text(Text(text.units, isMarkup: true))
        case "wordcount":
            var isInside = false
            var count = 0
            for unit in text.units {
                if isWordCharacter(unit), !isInside { count += 1 }
                isInside = isWordCharacter(unit)
            }
            return .integer(count)
        default: return .text(try checked(text.escaped))
        }
    }

    private func indented(_ input: Value, _ arguments: Arguments) throws -> Text {
        let values = try bind(arguments, to: ["width", "first", "blank"], of: "indent")
        var text = try requireText(input, for: "indent")
        var indentation = Text()
        if case .text(let given) = values[0] {
            indentation = given
        } else {
            let width = try values[0].map { try integer($0, for: "width") } ?? 4
            indentation = try padded(Text(), width: width, fill: 0x20, "ljust")
        }
        try spend(text.count / 16)
        text.units.append(0x0A)
        let lines = text.lines()
        let isBlankToo = try isTrue(values[2] ?? .boolean(false))
        var result: [UInt32] = []
        for (number, line) in lines.enumerated() {
            if number > 0 {
                result.append(0x0A)
                if isBlankToo || !line.isEmpty { result += indentation.units }
            } else if try isTrue(values[1] ?? .boolean(false)) {
                result += indentation.units
            }
            result += line.units
            guard result.count <= limits.characters else { break }
        }
        return try checked(text.with(result))
    }

    // MARK: - Numbers

    private func numberFilter(
        _ name: String, _ input: Value, _ arguments: Arguments
    ) throws -> Value? {
        switch name {
        case "abs":
            _ = try bind(arguments, to: [], of: name)
            if case .float(let value) = input { return .float(value.magnitude) }
            let value = try integer(input, for: name)
            guard value != .min else { throw limit("a whole number leaves 64 bits") }
            return .integer(abs(value))
        case "int":
            let values = try bind(arguments, to: ["default", "base"], of: name)
            let base = try values[1].map { try integer($0, for: "base") } ?? 10
            return try wholeNumber(input, base: base) ?? values[0] ?? .integer(0)
        case "float":
            let preset = try bind(arguments, to: ["default"], of: name)[0]
            if case .undefined(let problem) = input { throw failure(problem) }
            return double(input).map(Value.float) ?? preset ?? .float(0)
        case "round": return try rounded(input, arguments)
        default: return nil
        }
    }

    /// Python's `float` of a value; nil if it is no number.
    private func double(_ value: Value) -> Double? {
        if let whole = value.integer { return Double(whole) }
        switch value {
        case .float(let value): return value
        case .text(let text): return PythonNumber.double(text.stripped().string)
        default: return nil
        }
    }

    private func wholeNumber(_ value: Value, base: Int) throws -> Value? {
        func whole(_ double: Double) throws -> Value? {
            if double.isNaN { return nil }
            guard let whole = Int(exactly: double.rounded(.towardZero)) else {
                throw limit("a whole number leaves 64 bits")
            }
            return .integer(whole)
        }
        switch value {
        case .undefined(let problem): throw failure(problem)
        case .float(let double):
            if double.isInfinite { throw failure("infinity is no whole number") }
            return try whole(double)
        case .text(let text):
            let string = text.stripped().string
            if let digits = PythonNumber.integer(string, base: base) {
                guard let whole = digits else {
                    throw limit("a whole number leaves 64 bits")
                }
                return .integer(whole)
            }
            guard let double = PythonNumber.double(string), double.isFinite else { return nil }
            return try whole(double)
        default: return value.integer.map(Value.integer)
        }
    }

    private func rounded(_ input: Value, _ arguments: Arguments) throws -> Value {
        let values = try bind(arguments, to: ["precision", "method"], of: "round")
        let method = try values[1].map { try requireText($0, for: "method").string } ?? "common"
        let isWhole = values[0]?.isNone == true && method == "common"
        let precision =
            isWhole ? 0 : try values[0].map { try integer($0, for: "precision") } ?? 0
        guard ["common", "ceil", "floor"].contains(method) else {
            throw failure("the method of \"round\" is common, ceil or floor")
        }
        if case .undefined(let problem) = input { throw failure(problem) }
        guard method == "common" else {
            guard (-300...300).contains(precision), let value = double(number: input) else {
                throw failure("a \(input.typeName) cannot be rounded so")
            }
            let scale = pow(10, Double(precision))
            let scaled = (value * scale).rounded(method == "ceil" ? .up : .down)
            guard scaled.isFinite else { throw failure("a number is too large to be rounded") }
            return .float(precision < 0 ? scaled * pow(10, -Double(precision)) : scaled / scale)
        }
        if let whole = input.integer {
            guard precision < 0 else { return .integer(whole) }
            guard precision > -19 else { return .integer(0) }
            let unit = (0..<(-precision)).reduce(1) { value, _ in value * 10 }
            let (down, rest) = (whole - whole % unit, (whole % unit).magnitude)
            let half = UInt(unit / 2)
            let isUp = rest > half || rest == half && (whole / unit) % 2 != 0
            guard isUp else { return .integer(down) }
            let (up, overflow) = down.addingReportingOverflow(whole < 0 ? -unit : unit)
            guard !overflow else { throw limit("a whole number leaves 64 bits") }
            return .integer(up)
        }
        guard case .float(let value) = input else {
            throw failure("a \(input.typeName) cannot be rounded")
        }
        if isWhole {
            return try wholeNumber(.float(value.rounded(.toNearestOrEven)), base: 10) ?? .none
        }
        guard value.isFinite, precision < 323 else { return .float(value) }
        guard precision >= 0 else {
            guard precision > -309 else { return .float(copysign(0, value)) }
            let scale = pow(10, Double(-precision))
            return .float((value / scale).rounded(.toNearestOrEven) * scale)
        }
        // Written with so many digits, exactly rounded, and read again, as Python does.
        return .float(Double(String(format: "%.\(precision)f", value)) ?? value)
    }

    private func double(number value: Value) -> Double? {
        if case .text = value { return nil }
        return double(value)
    }
}

/// Numbers as Python reads them from text.
enum PythonNumber {
    static func double(_ text: String) -> Double? {
        guard let digits = withoutUnderscores(text) else { return nil }
        let lower = digits.lowercased()
        let unsigned = lower.drop { $0 == "+" || $0 == "-" }
        guard lower.count - unsigned.count <= 1 else { return nil }
        let isNegative = lower.hasPrefix("-")
        switch unsigned {
        case "inf", "infinity": return isNegative ? -Double.infinity : .infinity
        case "nan": return .nan
        default: break
        }
        guard let first = unsigned.first, first.isASCII, first.isNumber || first == ".",
            unsigned.allSatisfy({ "0123456789.e+-".contains($0) })
        else { return nil }
        // Swift wants a digit on both sides of the point.
        var text = String(unsigned)
        if text.hasPrefix(".") {
            guard text.dropFirst().first?.isNumber == true else { return nil }
            text = "0" + text
        }
        if let point = text.firstIndex(of: ".") {
            let next = text.index(after: point)
            if next == text.endIndex || text[next] == "e" { text.insert("0", at: next) }
        }
        return Double(text).map { isNegative ? -$0 : $0 }
    }

    /// The number; an inner nil for one outside 64 bits.
    static func integer(_ text: String, base: Int) -> Int?? {
        guard base == 0 || (2...36).contains(base) else { return nil }
        var digits = text[...]
        var isNegative = false
        if let sign = digits.first, sign == "+" || sign == "-" {
            isNegative = sign == "-"
            digits.removeFirst()
        }
        var base = base
        let prefixes: [(String, Int)] = [("0b", 2), ("0o", 8), ("0x", 16)]
        if let (_, radix) = prefixes.first(where: { digits.lowercased().hasPrefix($0.0) }),
            base == 0 || base == radix
        {
            base = radix
            digits = digits.dropFirst(2)
            if digits.hasPrefix("_") { digits.removeFirst() }
        } else if base == 0 {
            guard !digits.hasPrefix("0") || digits.allSatisfy({ $0 == "0" || $0 == "_" }) else {
                return nil
            }
            base = 10
        }
        guard let plain = withoutUnderscores(String(digits)), !plain.isEmpty,
            plain.unicodeScalars.allSatisfy({ character in
                Character(character).isASCII
                    && (Character(character).hexDigitValue.map { $0 < base } == true
                        || ("g"..."z").contains(Character(character).lowercased())
                            && Int(character.properties.lowercaseMapping, radix: 36).map {
                                $0 < base
                            } == true)
            })
        else { return nil }
        return .some(Int((isNegative ? "-" : "") + plain, radix: base))
    }

    /// Underscores may stand between digits.
    private static func withoutUnderscores(_ text: String) -> String? {
        guard text.contains("_") else { return text }
        let scalars = Array(text.unicodeScalars)
        for (place, scalar) in scalars.enumerated() where scalar == "_" {
            guard place > 0, place + 1 < scalars.count, isWordCharacter(scalars[place - 1].value),
                isWordCharacter(scalars[place + 1].value), scalars[place - 1] != "_"
            else { return nil }
        }
        return text.filter { $0 != "_" }
    }
}
