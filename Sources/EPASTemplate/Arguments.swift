/// The values that a function, filter or test is called with.
struct Arguments {
    var positional: [Value] = []
    private(set) var named: [String: Value] = [:]
    /// Names in the order in which they were given.
    private(set) var names: [String] = []

    var isEmpty: Bool { positional.isEmpty && named.isEmpty }

    mutating func set(_ name: String, _ value: Value) {
        if named.updateValue(value, forKey: name) == nil { names.append(name) }
    }

    mutating func take(_ name: String) -> Value? {
        guard let value = named.removeValue(forKey: name) else { return nil }
        names.removeAll { $0 == name }
        return value
    }
}

extension Interpreter {
    /// The values of the parameters of a function, by Python's rules; nil where none was given.
    func bind(
        _ arguments: Arguments, to parameters: [String], required: Int = 0, of function: String
    ) throws -> [Value?] {
        guard arguments.positional.count <= parameters.count else {
            throw failure(
                "\(shownName(function)) takes at most \(parameters.count) arguments, not \(arguments.positional.count)"
            )
        }
        var values: [Value?] = arguments.positional
        values += Array(repeating: nil, count: parameters.count - values.count)
        for name in arguments.names {
            guard let place = parameters.firstIndex(of: name) else {
                throw failure("\(shownName(function)) takes no argument \(shownName(name))")
            }
            guard values[place] == nil else {
                throw failure("the argument \(shownName(name)) is given twice")
            }
            values[place] = arguments.named[name]
        }
        for (name, value) in zip(parameters, values).prefix(required) where value == nil {
            throw failure("\(shownName(function)) needs the argument \(shownName(name))")
        }
        return values
    }

    /// Positional arguments only, as many as a range allows.
    func positional(
        _ arguments: Arguments, _ counts: ClosedRange<Int>, of function: String
    ) throws -> [Value] {
        guard arguments.named.isEmpty else {
            throw failure("\(shownName(function)) takes no arguments with names")
        }
        guard counts.contains(arguments.positional.count) else {
            throw failure(
                "\(shownName(function)) does not take \(arguments.positional.count) arguments")
        }
        return arguments.positional
    }

    func integer(_ value: Value, for name: String) throws -> Int {
        guard let integer = value.integer else {
            throw failure("\(shownName(name)) is a \(value.typeName), not an int")
        }
        return integer
    }

    func requireText(_ value: Value, for name: String) throws -> Text {
        guard case .text(let text) = value else {
            throw failure("\(shownName(name)) is a \(value.typeName), not a str")
        }
        return text
    }
}
