/// A value of the template language, with Python's types.
indirect enum Value {
    /// Jinja's `Undefined`, with what an error says when it is used.
    case undefined(String)
    case none
    case boolean(Bool)
    case integer(Int)
    case float(Double)
    case text(Text)
    case list(Elements)
    case tuple(Elements)
    case table(Table)
    /// What `keys`, `values` and `items` of a dictionary return.
    case view(Table, TableView)
    case range(NumberRange)
    case generator(Generator)
    case namespace(Namespace)
    case loop(Loop)
    case macro(Macro)
    case function(Function)
    /// A method of a value, not yet called.
    case method(Value, String)

    /// Python's name of the type.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .none: "NoneType"
        case .boolean: "bool"
        case .integer: "int"
        case .float: "float"
        case .text: "str"
        case .list: "list"
        case .tuple: "tuple"
        case .table: "dict"
        case .view(_, let view): "dict_\(view)"
        case .range: "range"
        case .generator: "generator"
        case .namespace: "Namespace"
        case .loop: "LoopContext"
        case .macro: "Macro"
        case .function: "function"
        case .method: "method"
        }
    }

    static func text(_ string: String) -> Value { .text(Text(string)) }

    var isUndefined: Bool {
        if case .undefined = self { true } else { false }
    }

    var isText: Bool {
        if case .text = self { true } else { false }
    }

    var isNone: Bool {
        if case .none = self { true } else { false }
    }

    /// The whole number of an `int` or `bool`.
    var integer: Int? {
        switch self {
        case .integer(let value): value
        case .boolean(let value): value ? 1 : 0
        default: nil
        }
    }

    /// Lists and dictionaries inside each other.
    var depth: Int {
        switch self {
        case .list(let elements), .tuple(let elements): elements.depth
        case .table(let table), .view(let table, _): table.depth
        case .generator(let generator): generator.depth
        case .method(let receiver, _): receiver.depth + 1
        default: 0
        }
    }

    /// Whether a collection may hold the value. What refers to variables may not: no value then
    /// holds a chain of others longer than the limit of depth, which freeing would follow.
    var isStorable: Bool {
        switch self {
        case .loop, .macro: false
        case .method(let receiver, _): receiver.isStorable
        default: true
        }
    }
}

/// The elements of a list or a tuple.
struct Elements {
    let items: [Value]
    let depth: Int

    /// - Precondition: the interpreter made sure of the depth and of what is held.
    init(_ items: [Value], depth: Int) {
        self.items = items
        self.depth = depth
    }
}

enum TableView: String, CustomStringConvertible {
    case keys, values, items
    var description: String { rawValue }
}

/// A dictionary, in the order in which keys were added.
struct Table {
    private(set) var entries: [(key: Value, value: Value)] = []
    private(set) var depth = 1
    private var places: [Key: Int] = [:]

    var count: Int { entries.count }

    subscript(key: Key) -> Value? { places[key].map { entries[$0].value } }

    /// Adds a value, or replaces that of an equal key.
    mutating func set(_ key: Value, hashed: Key, to value: Value) {
        depth = max(depth, value.depth + 1, key.depth + 1)
        if let place = places[hashed] {
            entries[place].value = value
        } else {
            places[hashed] = entries.count
            entries.append((key, value))
        }
    }
}

/// A value as the key of a dictionary: equal for equal values, such as 1, 1.0 and true.
enum Key: Hashable {
    case undefined
    case none
    case integer(Int)
    case float(Double)
    case text(Text)
    case tuple([Key])
    case object(ObjectIdentifier)
    case named(String)

    init(_ string: String) { self = .text(Text(string)) }
}

/// What `range` returns.
struct NumberRange {
    let start: Int
    let stop: Int
    let step: Int
    let count: Int

    /// - Precondition: 0 <= position < count.
    subscript(position: Int) -> Int { start + step * position }
}

/// Values that can be taken once, such as what the filter `map` returns.
final class Generator {
    private let items: [Value]
    /// What taking the value after the last one finds.
    private let failure: (any Error)?
    private var position = 0
    let depth: Int

    init(_ items: Elements, failure: (any Error)? = nil) {
        self.items = items.items
        self.failure = failure
        depth = items.depth
    }

    func next() throws -> Value? {
        guard position < items.count else {
            if let failure { throw failure }
            return nil
        }
        position += 1
        return items[position - 1]
    }
}

/// What `namespace` returns: attributes that inner blocks can set.
final class Namespace {
    var attributes = Table()
}

/// A macro, or the body of a call block, with the variables around it.
final class Macro {
    let definition: MacroDefinition
    let scope: Scope

    init(_ definition: MacroDefinition, in scope: Scope) {
        self.definition = definition
        self.scope = scope
    }
}

/// Functions that every template has.
enum Function: String, CaseIterable {
    case range
    case dictionary = "dict"
    case namespace
    case raiseException = "raise_exception"
    case now = "strftime_now"
}

/// Variables of a block, and those around it.
final class Scope {
    /// A variable that hides those around it but has no value yet is an inner nil.
    var variables: [String: Value?] = [:]
    let parent: Scope?

    init(in parent: Scope?, hiding names: [String] = []) {
        self.parent = parent
        for name in names { variables[name] = .some(nil) }
    }
}
