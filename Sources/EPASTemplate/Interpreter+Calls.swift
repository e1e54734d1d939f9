extension Interpreter {
    func call(_ callee: Value, _ arguments: Arguments) throws -> Value {
        switch callee {
        case .undefined(let problem): throw failure(problem)
        case .macro(let macro): return .text(try nested { try call(macro, arguments) })
        case .function(let function): return try call(function, arguments)
        case .method(let receiver, let name): return try call(name, of: receiver, arguments)
        case .loop: throw failure("the loop is not recursive, so it cannot be called")
        default: throw failure("a \(callee.typeName) cannot be called")
        }
    }

    // MARK: - Macros

    private func call(_ macro: Macro, _ arguments: Arguments) throws -> Text {
        let definition = macro.definition
        let name = definition.name ?? "caller"
        var arguments = arguments
        let scope = self.scope(of: definition.block, in: macro.scope)
        let parameters = definition.parameters
        var given: [Value?] = Array(arguments.positional.prefix(parameters.count))
        var foundCaller = given.count == parameters.count && parameters.contains("caller")
        for parameter in parameters.dropFirst(given.count) {
            given.append(arguments.take(parameter))
            if parameter == "caller" { foundCaller = true }
        }
        if definition.specials.contains("caller"), !foundCaller {
            scope.variables["caller"] = arguments.take("caller") ?? .undefined("no caller is given")
        }
        if definition.specials.contains("kwargs"), !parameters.contains("kwargs") {
            let pairs = arguments.names.map { (Value.text($0), arguments.named[$0] ?? .none) }
            scope.variables["kwargs"] = .table(try table(pairs))
        } else if let extra = arguments.names.first {
            throw failure("the macro \(shownName(name)) takes no argument \(shownName(extra))")
        }
        if definition.specials.contains("varargs"), !parameters.contains("varargs") {
            scope.variables["varargs"] = try tuple(
                Array(arguments.positional.dropFirst(parameters.count)))
        } else if arguments.positional.count > parameters.count {
            throw failure(
                "the macro \(shownName(name)) takes at most \(parameters.count) arguments")
        }
        for parameter in parameters { scope.variables[parameter] = .some(nil) }
        for (parameter, value) in zip(parameters, given) {
            if let value { scope.variables[parameter] = .some(value) }
        }
        let firstDefault = parameters.count - definition.defaults.count
        for (place, parameter) in parameters.enumerated() where given[place] == nil {
            let value =
                place < firstDefault
                ? .undefined("the parameter \(shownName(parameter)) was not given")
                : try evaluate(definition.defaults[place - firstDefault], scope)
            scope.variables[parameter] = .some(value)
        }
        return try captured { try execute(definition.block.body, scope) }.text
    }

    // MARK: - Functions

    private func call(_ function: Function, _ arguments: Arguments) throws -> Value {
        switch function {
        case .range:
            let bounds = try positional(arguments, 1...3, of: "range").map {
                try integer($0, for: "range")
            }
            return try range(
                bounds.count > 1 ? bounds[0] : 0, bounds.count > 1 ? bounds[1] : bounds[0],
                bounds.count > 2 ? bounds[2] : 1)
        case .dictionary: return .table(try dictionary(arguments))
        case .namespace:
            let namespace = makeNamespace()
            for (key, value) in try dictionary(arguments).entries {
                try set(attribute: key, to: value, in: namespace)
            }
            return .namespace(namespace)
        case .raiseException:
            let message = try bind(arguments, to: ["message"], required: 1, of: function.rawValue)
            let text = try string(of: message[0] ?? .none).string
            throw TemplateError(.messages, line: line, Self.shown(text))
        case .now:
            let format = try bind(arguments, to: ["format"], required: 1, of: function.rawValue)
            let text = try requireText(format[0] ?? .none, for: "format")
            guard text.count <= 1000 else { throw limit("the form of a date is too long") }
            return .text(now(text.string))
        }
    }

    /// The template's own sentence, in one line and without its full stop.
    private static func shown(_ message: String) -> String {
        var text = ""
        for scalar in message.unicodeScalars.prefix(500) {
            text += isPrintable(scalar.value) ? String(scalar) : " "
        }
        while text.hasSuffix(".") || text.hasSuffix(" ") { text.removeLast() }
        return text.isEmpty ? "it gives no reason" : text
    }

    func range(_ start: Int, _ stop: Int, _ step: Int) throws -> Value {
        guard step != 0 else { throw failure("the step of a range is 0") }
        var count = 0
        if step > 0 ? start < stop : start > stop {
            let (distance, overflow) = stop.subtractingReportingOverflow(start)
            let length = distance.magnitude
            count = overflow ? Int.max : Int(clamping: (length - 1) / step.magnitude + 1)
        }
        guard count <= limits.rangeCount else {
            throw limit("a range has more than \(limits.rangeCount) numbers")
        }
        return .range(NumberRange(start: start, stop: stop, step: step, count: count))
    }

    private func dictionary(_ arguments: Arguments) throws -> Table {
        var table = Table()
        guard arguments.positional.count <= 1 else {
            throw failure("\"dict\" takes at most one argument without a name")
        }
        switch arguments.positional.first {
        case nil: break
        case .table(let source): table = source
        case .undefined(let problem): throw failure(problem)
        case .some(let source):
            for pair in try items(of: source) {
                let parts = try items(of: pair)
                guard parts.count == 2 else { throw failure("\"dict\" takes pairs") }
                try set(parts[0], to: parts[1], in: &table)
            }
        }
        for name in arguments.names {
            try set(.text(name), to: arguments.named[name] ?? .none, in: &table)
        }
        return table
    }

    // MARK: - Methods

    private func call(_ name: String, of receiver: Value, _ arguments: Arguments) throws -> Value {
        switch receiver {
        case .text(let text): return try call(name, of: text, arguments)
        case .table(let table): return try call(name, of: table, arguments)
        case .list(let elements), .tuple(let elements):
            return try call(name, of: elements, arguments)
        case .loop(let loop):
            guard arguments.named.isEmpty else { throw failure("\"\(name)\" takes no names") }
            if name == "changed" {
                return .boolean(
                    try loop.isChanged(arguments.positional) { try equal($0, $1) })
            }
            guard !arguments.positional.isEmpty else {
                throw failure("there is nothing to cycle through")
            }
            return arguments.positional[max(0, loop.index0) % arguments.positional.count]
        default: throw failure("the method \(shownName(name)) is not for chat templates")
        }
    }

    private func call(_ name: String, of table: Table, _ arguments: Arguments) throws -> Value {
        switch name {
        case "get":
            let values = try positional(arguments, 1...2, of: name)
            return table[try key(values[0])] ?? (values.count > 1 ? values[1] : .none)
        case "keys", "values", "items":
            _ = try positional(arguments, 0...0, of: name)
            return .view(table, TableView(rawValue: name) ?? .items)
        case "copy":
            _ = try positional(arguments, 0...0, of: name)
            return .table(table)
        default: throw failure("the method \(shownName(name)) is not for chat templates")
        }
    }

    private func call(
        _ name: String, of elements: Elements, _ arguments: Arguments
    ) throws -> Value {
        switch name {
        case "count":
            let value = try positional(arguments, 1...1, of: name)[0]
            return .integer(try elements.items.filter { try equal($0, value) }.count)
        case "index":
            let value = try positional(arguments, 1...3, of: name)
            let bounds = try value.dropFirst().map { try integer($0, for: name) }
            let range = Self.range(bounds, elements.items.count)
            guard
                let place = try range.first(where: { try equal(elements.items[$0], value[0]) })
            else { throw failure("the value is not in the list") }
            return .integer(place)
        case "copy":
            _ = try positional(arguments, 0...0, of: name)
            return .list(elements)
        default: throw failure("the method \(shownName(name)) is not for chat templates")
        }
    }

    /// The places between two bounds, which count from the end if negative.
    static func range(_ bounds: [Int], _ count: Int) -> Range<Int> {
        let places = bounds.map { $0 < 0 ? max(0, $0 + count) : min($0, count) }
        let start = places.first ?? 0
        return start..<max(start, places.count > 1 ? places[1] : count)
    }
}

/// The names of the methods that Python's types have.
enum Methods {
    enum Kind {
        case text, table, list, tuple, view, integer, float, range, generator, loop, other
    }

    static func kind(of value: Value) -> Kind {
        switch value {
        case .text: .text
        case .table: .table
        case .list: .list
        case .tuple: .tuple
        case .view: .view
        case .integer, .boolean: .integer
        case .float: .float
        case .range: .range
        case .generator: .generator
        case .loop: .loop
        default: .other
        }
    }

    /// Those that change a list or dictionary, which the sandbox refuses.
    static let mutating: Set<String> = [
        "clear", "pop", "popitem", "setdefault", "update", "append", "reverse", "insert", "sort",
        "extend", "remove",
    ]

    static let names: [Kind: Set<String>] = [
        .text: [
            "capitalize", "casefold", "center", "count", "encode", "endswith", "expandtabs", "find",
            "format", "format_map", "index", "isalnum", "isalpha", "isascii", "isdecimal",
            "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle",
            "isupper", "join", "ljust", "lower", "lstrip", "maketrans", "partition", "removeprefix",
            "removesuffix", "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip",
            "split", "splitlines", "startswith", "strip", "swapcase", "title", "translate", "upper",
            "zfill",
        ],
        .table: [
            "clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault",
            "update", "values",
        ],
        .list: [
            "append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove",
            "reverse", "sort",
        ],
        .tuple: ["count", "index"],
        .view: ["isdisjoint", "mapping"],
        .integer: [
            "as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator", "from_bytes",
            "imag", "numerator", "real", "to_bytes",
        ],
        .float: ["as_integer_ratio", "conjugate", "fromhex", "hex", "imag", "is_integer", "real"],
        .range: ["count", "index", "start", "step", "stop"],
        .generator: ["close", "send", "throw"],
    ]
}
