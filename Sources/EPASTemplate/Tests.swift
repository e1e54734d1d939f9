/// The names of Jinja2's tests.
enum Tests {
    static let names: Set<String> = [
        "odd", "even", "divisibleby", "defined", "undefined", "filter", "test", "none", "boolean",
        "false", "true", "integer", "float", "lower", "upper", "string", "mapping", "number",
        "sequence", "iterable", "callable", "sameas", "escaped", "in", "==", "eq", "equalto", "!=",
        "ne", ">", "gt", "greaterthan", "ge", ">=", "<", "lt", "lessthan", "<=", "le",
    ]
}

extension Interpreter {
    func test(_ name: String, _ value: Value, _ arguments: Arguments) throws -> Bool {
        try spend()
        let comparisons: [String: Comparison] = [
            "==": .equal, "eq": .equal, "equalto": .equal, "!=": .unequal, "ne": .unequal,
            ">": .greater, "gt": .greater, "greaterthan": .greater, "ge": .greaterOrEqual,
            ">=": .greaterOrEqual, "<": .less, "lt": .less, "lessthan": .less, "<=": .lessOrEqual,
            "le": .lessOrEqual,
        ]
        if let comparison = comparisons[name] {
            return try holds(comparison, value, positional(arguments, 1...1, of: name)[0])
        }
        switch name {
        case "divisibleby":
            let number = try bind(arguments, to: ["num"], required: 1, of: name)[0] ?? .none
            return try equal(apply(.modulo, value, number), .integer(0))
        case "in":
            let sequence = try bind(arguments, to: ["seq"], required: 1, of: name)[0] ?? .none
            return try contains(sequence, value)
        case "sameas":
            let other = try bind(arguments, to: ["other"], required: 1, of: name)[0] ?? .none
            return try isSame(value, other)
        default: break
        }
        guard Tests.names.contains(name) else {
            throw failure("there is no test \(shownName(name))")
        }
        _ = try bind(arguments, to: [], of: name)
        switch name {
        case "odd": return try equal(apply(.modulo, value, .integer(2)), .integer(1))
        case "even": return try equal(apply(.modulo, value, .integer(2)), .integer(0))
        case "defined": return !value.isUndefined
        case "undefined": return value.isUndefined
        case "none": return value.isNone
        case "filter", "test":
            guard case .text(let text) = value else {
                _ = try key(value)
                return false
            }
            return name == "test"
                ? Tests.names.contains(text.string)
                : Filters.names.union(Filters.others).contains(text.string)
        case "lower":
            return try string(of: value).isAll(isLowercase, without: isUppercase)
        case "upper":
            return try string(of: value).isAll(isUppercase, without: isLowercase)
        default: return isOfType(name, value)
        }
    }

    private func isOfType(_ name: String, _ value: Value) -> Bool {
        switch (name, value) {
        case ("boolean", .boolean), ("integer", .integer), ("float", .float), ("string", .text),
            ("mapping", .table), ("number", .boolean), ("number", .integer), ("number", .float):
            return true
        case ("true", .boolean(let value)): return value
        case ("false", .boolean(let value)): return !value
        case ("sequence", .undefined), ("sequence", .text), ("sequence", .list),
            ("sequence", .tuple), ("sequence", .table), ("sequence", .range):
            return true
        case ("iterable", .undefined), ("iterable", .text), ("iterable", .list),
            ("iterable", .tuple), ("iterable", .table), ("iterable", .range), ("iterable", .view),
            ("iterable", .generator), ("iterable", .loop):
            return true
        case ("callable", .undefined), ("callable", .macro), ("callable", .function),
            ("callable", .method), ("callable", .loop):
            return true
        case ("escaped", .text(let text)): return text.isMarkup
        default: return false
        }
    }

    /// Python's `is`, for values of which there is one each; other values are told apart by what
    /// they are, as they have no identity here.
    private func isSame(_ left: Value, _ right: Value) throws -> Bool {
        guard left.typeName == right.typeName else { return false }
        switch left {
        case .float, .list, .table, .view, .method: return false
        default: return try equal(left, right)
        }
    }
}
