import Foundation

extension Interpreter {
    // MARK: - The operator %

    /// Python's `format % values`.
    func percentFormat(_ format: Text, _ values: Value) throws -> Text {
        var result: [UInt32] = []
        var items: [Value]
        var isMapping = false
        switch values {
        case .tuple(let elements): items = elements.items
        // Python asks of what can be indexed not that all of it is used.
        case .table, .list, .range, .undefined:
            isMapping = true
            items = [values]
        default: items = [values]
        }
        var used = 0
        var position = 0
        func next() -> UInt32? {
            guard position < format.count else { return nil }
            position += 1
            return format.units[position - 1]
        }
        var usedName = false
        while let unit = next() {
            guard scalar(unit) == "%" else {
                result.append(unit)
                continue
            }
            var spec = FormatSpecification()
            var named: Value?
            if position < format.count, scalar(format.units[position]) == "(" {
                position += 1
                var name: [UInt32] = []
                var open = 1
                while open > 0 {
                    guard let unit = next() else { throw failure("a format is cut off") }
                    if scalar(unit) == "(" { open += 1 }
                    if scalar(unit) == ")" { open -= 1 }
                    if open > 0 { name.append(unit) }
                }
                guard case .table(let table) = values else {
                    throw failure("a format with names needs a dict")
                }
                guard let value = table[.text(Text(name))] else {
                    throw failure("the dict has no \(shownName(Text(name).string))")
                }
                named = value
                usedName = true
            }
            while position < format.count, spec.take(flag: scalar(format.units[position])) {
                position += 1
            }
            func number() throws -> Int? {
                if position < format.count, scalar(format.units[position]) == "*" {
                    throw failure("\"*\" in a format is not for chat templates")
                }
                var value: Int?
                while position < format.count,
                    case let digit = format.units[position] & ~Text.mark,
                    (0x30...0x39).contains(digit)
                {
                    value = min((value ?? 0) * 10 + Int(digit) - 0x30, limits.characters + 1)
                    position += 1
                }
                return value
            }
            spec.width = try number() ?? 0
            if position < format.count, scalar(format.units[position]) == "." {
                position += 1
                spec.precision = try number() ?? 0
            }
            while position < format.count,
                "hlL".unicodeScalars.contains(scalar(format.units[position]))
            {
                position += 1
            }
            guard let kind = next() else { throw failure("a format is cut off") }
            if scalar(kind) == "%" {
                result.append(kind)
                continue
            }
            var value = Value.none
            if let named {
                value = named
            } else {
                guard used < items.count else { throw failure("a format has too few values") }
                value = items[used]
                used += 1
            }
            result += try converted(value, scalar(kind), spec).units
            guard result.count <= limits.characters else { break }
        }
        if used < items.count, !isMapping, !usedName {
            throw failure("a format has too many values")
        }
        return try checked(format.with(result))
    }

    private func converted(
        _ value: Value, _ kind: Unicode.Scalar, _ spec: FormatSpecification
    ) throws -> Text {
        var text: Text
        switch kind {
        case "s": text = try string(of: value)
        case "r": text = try string(of: value, isQuoted: true)
        case "d", "i", "u":
            switch value {
            case .float(let double):
                guard double.isFinite else { throw failure("a number is not finite") }
                guard let whole = Int(exactly: double.rounded(.towardZero)) else {
                    throw limit("a whole number leaves 64 bits")
                }
                return try number(String(whole.magnitude), whole < 0, spec)
            default:
                let whole = try integer(value, for: "%d")
                return try number(String(whole.magnitude), whole < 0, spec)
            }
        case "x", "X", "o":
            let whole = try integer(value, for: "%\(kind)")
            let digits = String(
                whole.magnitude, radix: kind == "o" ? 8 : 16, uppercase: kind == "X")
            return try number(digits, whole < 0, spec)
        case "f", "F", "e", "E", "g", "G":
            let double: Double
            if let whole = value.integer {
                double = Double(whole)
            } else if case .float(let given) = value {
                double = given
            } else {
                throw failure("a \(value.typeName) cannot be written as %\(kind)")
            }
            return try self.float(double, kind, spec)
        default: throw failure("the format %\(shownName(String(kind))) is not for chat templates")
        }
        if let precision = spec.precision, precision < text.count {
            text = Text(text.units[..<precision])
        }
        return try padded(
            text, width: spec.width, fill: 0x20, spec.isLeft ? "ljust" : "rjust")
    }

    private func number(
        _ digits: String, _ isNegative: Bool, _ spec: FormatSpecification
    ) throws -> Text {
        var text = Text(digits)
        if let precision = spec.precision {
            text = try padded(text, width: precision, fill: 0x30, "rjust")
        }
        let sign = isNegative ? "-" : spec.hasPlus ? "+" : spec.hasSpace ? " " : ""
        if spec.hasZeros, !spec.isLeft {
            text = try padded(text, width: spec.width - sign.count, fill: 0x30, "rjust")
        }
        return try padded(
            Text(Text(sign).units + text.units), width: spec.width, fill: 0x20,
            spec.isLeft ? "ljust" : "rjust")
    }

    private func float(
        _ value: Double, _ kind: Unicode.Scalar, _ spec: FormatSpecification
    ) throws -> Text {
        guard (spec.precision ?? 6) <= 400 else { throw limit("a number has too many digits") }
        if !value.isFinite {
            let text = value.isNaN ? "nan" : "inf"
            var spec = spec
            spec.precision = nil
            return try number(
                kind.properties.isUppercase ? text.uppercased() : text, value < 0, spec)
        }
        var plain = spec
        plain.precision = nil
        let digits = String(format: "%.\(spec.precision ?? 6)\(kind)", value.magnitude)
        return try number(digits, value.sign == .minus, plain)
    }

    // MARK: - The method format

    /// Python's `str.format`, with fields that have no form of their own.
    func format(_ format: Text, _ arguments: Arguments) throws -> Text {
        var result: [UInt32] = []
        var position = 0
        var automatic = 0
        while position < format.count {
            let unit = format.units[position]
            position += 1
            let isDoubled = position < format.count && same(format.units[position], unit)
            switch scalar(unit) {
            case "{" where isDoubled, "}" where isDoubled:
                result.append(unit)
                position += 1
            case "}": throw failure("a format has \"}\" without \"{\"")
            case "{":
                guard let end = format.units[position...].firstIndex(where: { scalar($0) == "}" })
                else { throw failure("a format is cut off") }
                let field = Text(format.units[position..<end]).string
                position = end + 1
                result += try self.field(field, arguments, &automatic).units
            default: result.append(unit)
            }
            guard result.count <= limits.characters else { break }
        }
        return try checked(format.with(result))
    }

    /// - Parameter automatic: Number of the next field without a name; -1 after one with a number.
    private func field(
        _ field: String, _ arguments: Arguments, _ automatic: inout Int
    ) throws -> Text {
        var name = field
        var isQuoted = false
        if name.hasSuffix("!r") || name.hasSuffix("!s") {
            isQuoted = name.hasSuffix("!r")
            name.removeLast(2)
        }
        guard name.unicodeScalars.allSatisfy({ isWordCharacter($0.value) }) else {
            throw failure("the field {\(shownName(field))} is not for chat templates")
        }
        if name.isEmpty {
            guard automatic >= 0 else {
                throw failure("fields of a format with and without numbers are mixed")
            }
            name = "\(automatic)"
            automatic += 1
        } else if Int(name) != nil {
            guard automatic <= 0 else {
                throw failure("fields of a format with and without numbers are mixed")
            }
            automatic = -1
        }
        let value: Value?
        if let number = Int(name) {
            value =
                arguments.positional.indices.contains(number)
                ? arguments.positional[number] : nil
        } else {
            value = arguments.named[name]
        }
        guard let value else { throw failure("a format has no value for {\(name)}") }
        return try string(of: value, isQuoted: isQuoted)
    }
}

/// What stands between `%` and the letter of a format.
private struct FormatSpecification {
    var isLeft = false
    var hasPlus = false
    var hasSpace = false
    var hasZeros = false
    var width = 0
    var precision: Int?

    mutating func take(flag: Unicode.Scalar) -> Bool {
        switch flag {
        case "-": isLeft = true
        case "+": hasPlus = true
        case " ": hasSpace = true
        case "0": hasZeros = true
        default: return false
        }
        return true
    }
}
