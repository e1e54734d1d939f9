extension Interpreter {
    func evaluate(_ expression: Expression, _ scope: Scope) throws -> Value {
        try nested {
            try folded(expression, scope, if: \.isLiteral) ?? evaluateForm(expression, scope)
        }
    }

    /// The value that Jinja2 puts in an expression's place when it reads the template, if any. Only
    /// slices of constants make a difference, so that others are not looked at.
    func folded(
        _ expression: Expression, _ scope: Scope, if isUsed: (Value) -> Bool
    ) throws -> Value? {
        guard expression.holdsConstantSlice, !isFolding else { return nil }
        isFolding = true
        defer { isFolding = false }
        do {
            let value = try evaluateForm(expression, scope)
            return isUsed(value) ? value : nil
        } catch let error as TemplateError where error.cause == .template {
            return nil
        }
    }

    private func evaluateForm(_ expression: Expression, _ scope: Scope) throws -> Value {
        try spend()
        line = expression.line
        if isFolding, expression.form.isVariable { throw failure("the value is not known yet") }
        switch expression.form {
        case .constant(let constant): return Value(constant)
        case .name(let name): return value(of: name, scope)
        case .capture: return captureValue
        case .list(let items): return try list(try items.map { try evaluate($0, scope) })
        case .tuple(let items): return try tuple(try items.map { try evaluate($0, scope) })
        case .dictionary(let pairs):
            return .table(
                try table(
                    try pairs.map { (try evaluate($0.key, scope), try evaluate($0.value, scope)) }))
        case .unary(let sign, let operand): return try apply(sign, evaluate(operand, scope))
        case .binary(.and, let left, let right):
            let value = try evaluate(left, scope)
            return try isTrue(value) ? try evaluate(right, scope) : value
        case .binary(.or, let left, let right):
            let value = try evaluate(left, scope)
            return try isTrue(value) ? value : try evaluate(right, scope)
        case .binary(let operation, let first, let second):
            let (left, right) = (try evaluate(first, scope), try evaluate(second, scope))
            line = expression.line
            if operation == .power, first.isConstant, !second.isConstant,
                let positive = try positive(left)
            {
                // Jinja2 writes a negative constant without parentheses into Python code, where
                // the power comes before the sign.
                return try apply(.minus, apply(operation, positive, right))
            }
            return try apply(operation, left, right)
        case .comparison(let first, let others):
            return try compare(first, others, scope)
        case .concatenation(let parts):
            var units: [UInt32] = []
            for part in parts { units += try string(of: evaluate(part, scope)).units }
            return try text(units)
        case .conditional(let test, let then, let otherwise):
            if try isTrue(evaluate(test, scope)) { return try evaluate(then, scope) }
            if isFolding, otherwise == nil { throw failure("the value is not known yet") }
            return try otherwise.map { try evaluate($0, scope) }
                ?? .undefined("an inline \"if\" is false and has no \"else\"")
        case .attribute(let object, let name):
            let object = try evaluate(object, scope)
            line = expression.line
            return try attribute(name, of: object)
        case .item(let object, let key):
            let (object, key) = (try evaluate(object, scope), try evaluate(key, scope))
            line = expression.line
            return try item(key, of: object)
        case .slice(let object, let start, let stop, let step):
            let object = try evaluate(object, scope)
            let bounds = try [start, stop, step].map { try $0.map { try evaluate($0, scope) } }
            line = expression.line
            return try slice(object, bounds)
        case .call: return try evaluate(call: expression, scope, caller: nil)
        case .filter(let input, let name, let arguments):
            let input = try evaluate(input, scope)
            let arguments = try self.arguments(arguments, scope)
            line = expression.line
            return try filter(name, input, arguments)
        case .test(let input, let name, let arguments):
            let input = try evaluate(input, scope)
            let arguments = try self.arguments(arguments, scope)
            line = expression.line
            return .boolean(try test(name, input, arguments))
        }
    }

    /// What a negative number is the negative of.
    private func positive(_ value: Value) throws -> Value? {
        switch value {
        case .integer(let value) where value < 0: try apply(.minus, .integer(value))
        case .float(let value) where value.sign == .minus: .float(-value)
        default: nil
        }
    }

    private func compare(
        _ first: Expression, _ others: [(relation: Comparison, operand: Expression)],
        _ scope: Scope
    ) throws -> Value {
        var left = try evaluate(first, scope)
        for (comparison, operand) in others {
            let right = try evaluate(operand, scope)
            line = operand.line
            guard try holds(comparison, left, right) else { return .boolean(false) }
            left = right
        }
        return .boolean(true)
    }

    func evaluate(call expression: Expression, _ scope: Scope, caller: Macro?) throws -> Value {
        guard case .call(let function, let arguments) = expression.form else {
            fatalError("The expression is no call")
        }
        let callee = try evaluate(function, scope)
        var values = try self.arguments(arguments, scope)
        if let caller {
            guard values.named["caller"] == nil else {
                throw failure("the argument \"caller\" is given twice")
            }
            values.set("caller", .macro(caller))
        }
        line = expression.line
        return try call(callee, values)
    }

    private func arguments(_ source: CallArguments, _ scope: Scope) throws -> Arguments {
        var arguments = Arguments()
        for expression in source.positional {
            arguments.positional.append(try evaluate(expression, scope))
        }
        for (name, expression) in source.named {
            arguments.set(name, try evaluate(expression, scope))
        }
        if let more = source.morePositional {
            let more = try evaluate(more, scope)
            arguments.positional += try items(of: more)
        }
        if let more = source.moreNamed {
            let more = try evaluate(more, scope)
            guard case .table(let table) = more else {
                throw failure("what follows ** is a \(more.typeName), not a dict")
            }
            for entry in table.entries {
                guard case .text(let name) = entry.key else {
                    throw failure("the name of an argument is not a str")
                }
                guard arguments.named[name.string] == nil else {
                    throw failure("the argument \(shownName(name.string)) is given twice")
                }
                arguments.set(name.string, entry.value)
            }
        }
        return arguments
    }

    // MARK: - Attributes, items, slices

    /// `object.name`: a method or attribute, else an item.
    func attribute(_ name: String, of object: Value) throws -> Value {
        if case .undefined(let problem) = object { throw failure(problem) }
        if let found = try ownAttribute(name, of: object) { return found }
        if case .table(let table) = object, let value = table[Key(name)] { return value }
        return missing(shownName(name), in: object)
    }

    /// `object[key]`: an item, else a method or attribute.
    func item(_ key: Value, of object: Value) throws -> Value {
        switch object {
        case .undefined(let problem): throw failure(problem)
        case .table(let table):
            if let hashed = try? self.key(key), let value = table[hashed] { return value }
        case .text(let text):
            if let index = key.integer, let place = Self.place(index, text.count) {
                return .text(text.with([text.units[place]]))
            }
        case .list(let elements), .tuple(let elements):
            if let index = key.integer, let place = Self.place(index, elements.items.count) {
                return elements.items[place]
            }
        case .range(let range):
            if let index = key.integer, let place = Self.place(index, range.count) {
                return .integer(range[place])
            }
        default: break
        }
        guard case .text(let name) = key else {
            return missing("element \(try string(of: key, isQuoted: true).string)", in: object)
        }
        return try ownAttribute(name.string, of: object)
            ?? missing(shownName(name.string), in: object)
    }

    private func missing(_ name: String, in object: Value) -> Value {
        .undefined("a \(object.typeName) has no \(name)")
    }

    private static func place(_ index: Int, _ count: Int) -> Int? {
        let place = index < 0 ? index &+ count : index
        return (0..<count).contains(place) ? place : nil
    }

    /// What the type itself gives.
    private func ownAttribute(_ name: String, of object: Value) throws -> Value? {
        if name.hasPrefix("__"), name.hasSuffix("__") {
            return .undefined("the attribute \(shownName(name)) cannot be reached")
        }
        if let number = object.numberAttribute(name) { return number }
        switch object {
        case .namespace(let namespace): return namespace.attributes[Key(name)]
        case .loop(let loop): return try attribute(name, of: loop)
        case .macro(let macro):
            switch name {
            case "name": return macro.definition.name.map { .text($0) } ?? Value.none
            case "arguments": return try tuple(macro.definition.parameters.map { .text($0) })
            default: return nil
            }
        default:
            guard let names = Methods.names[Methods.kind(of: object)], names.contains(name)
            else { return nil }
            if Methods.mutating.contains(name), !object.isText {
                return .undefined("\(shownName(name)) would change a \(object.typeName)")
            }
            return .method(object, name)
        }
    }

    private func attribute(_ name: String, of loop: Loop) throws -> Value? {
        switch name {
        case "index": .integer(loop.index0 + 1)
        case "index0": .integer(loop.index0)
        case "first": .boolean(loop.index0 == 0)
        case "last": .boolean(try loop.peek() == nil)
        case "length": .integer(try loop.length())
        case "revindex": .integer(try loop.length() - loop.index0)
        case "revindex0": .integer(try loop.length() - loop.index0 - 1)
        case "depth": .integer(1)
        case "depth0": .integer(0)
        case "previtem":
            (loop.index0 == 0 ? nil : loop.previous) ?? .undefined("there is no previous item")
        case "nextitem": try loop.peek() ?? .undefined("there is no next item")
        case "cycle", "changed": .method(.loop(loop), name)
        default: nil
        }
    }

    private func slice(_ object: Value, _ keys: [Value?]) throws -> Value {
        if case .undefined(let problem) = object { throw failure(problem) }
        let keys = keys.map { $0?.isNone == true ? nil : $0 }
        let bounds = keys.map { $0?.integer }
        let areNumbers = zip(keys, bounds).allSatisfy { $0.hasValue == $1.hasValue }
        guard object.isSliceable, areNumbers else {
            // Among constants Jinja2 takes it for an item that is missing.
            if isFolding { return missing("such slice", in: object) }
            throw failure(
                object.isSliceable
                    ? "a bound of a slice is not an int" : "a \(object.typeName) cannot be sliced")
        }
        let step = bounds[2] ?? 1
        guard step != 0 else { throw failure("the step of a slice is 0") }
        func bounded(_ count: Int) -> (start: Int, stop: Int) {
            /// A bound within the sequence, or just outside at the end that stepping begins with.
            func clamped(_ bound: Int?, _ preset: Int) -> Int {
                guard let bound else { return preset }
                let place = bound < 0 ? bound + count : bound
                return step > 0
                    ? min(max(place, 0), count) : min(max(place, -1), count - 1)
            }
            return (
                clamped(bounds[0], step > 0 ? 0 : count - 1),
                clamped(bounds[1], step > 0 ? count : -1)
            )
        }
        func places(_ count: Int) throws -> [Int] {
            let (start, stop) = bounded(count)
            let places = Array(stride(from: start, to: stop, by: step))
            try spend(places.count / 16)
            return places
        }
        switch object {
        case .text(let text):
            return .text(text.with(try places(text.count).map { text.units[$0] }))
        case .list(let elements):
            return try list(try places(elements.items.count).map { elements.items[$0] })
        case .tuple(let elements):
            return try tuple(try places(elements.items.count).map { elements.items[$0] })
        case .range(let range):
            let (start, stop) = bounded(range.count)
            func value(_ place: Int) throws -> Int {
                let (distance, overflow) = range.step.multipliedReportingOverflow(by: place)
                let (value, overflow2) = range.start.addingReportingOverflow(distance)
                guard !overflow, !overflow2 else { throw limit("a whole number leaves 64 bits") }
                return value
            }
            let (next, overflow) = range.step.multipliedReportingOverflow(by: step)
            guard !overflow else { throw limit("a whole number leaves 64 bits") }
            return try self.range(value(start), value(stop), next)
        default: fatalError("The value can be sliced")
        }
    }

    // MARK: - Sequences

    /// All values of something that can be looped over.
    func items(of value: Value) throws -> [Value] {
        let items: [Value]
        switch value {
        case .undefined: items = []
        case .text(let text): items = text.units.map { .text(Text([$0])) }
        case .list(let elements), .tuple(let elements): return elements.items
        case .table(let table): items = table.entries.map(\.key)
        case .view(let table, .keys): items = table.entries.map(\.key)
        case .view(let table, .values): items = table.entries.map(\.value)
        case .view(let table, .items):
            items = try table.entries.map { try tuple([$0.key, $0.value]) }
        case .range(let range): items = (0..<range.count).map { .integer(range[$0]) }
        case .generator(let generator):
            var taken: [Value] = []
            while let item = try generator.next() { taken.append(item) }
            items = taken
        case .loop(let loop):
            var taken: [Value] = []
            while let item = try loop.advance() { taken.append(try tuple([item])) }
            items = taken
        default: throw failure("a \(value.typeName) cannot be looped over")
        }
        try spend(items.count)
        return items
    }

    /// A function that takes one value after the other.
    func takingNext(of value: Value) throws -> () throws -> Value? {
        if case .generator(let generator) = value { return { try generator.next() } }
        var items = try items(of: value)[...]
        return { items.popFirst() }
    }

    /// Python's `len`.
    func count(of value: Value) throws -> Int {
        switch value {
        case .undefined: 0
        case .text(let text): text.count
        case .list(let elements), .tuple(let elements): elements.items.count
        case .table(let table), .view(let table, _): table.count
        case .range(let range): range.count
        case .loop(let loop): try loop.length()
        default: throw failure("a \(value.typeName) has no length")
        }
    }
}

extension Value {
    /// Attributes of numbers and ranges that are no methods.
    fileprivate func numberAttribute(_ name: String) -> Value? {
        switch (self, name) {
        case (.integer, "real"), (.integer, "numerator"), (.boolean, "real"),
            (.boolean, "numerator"):
            return integer.map(Value.integer)
        case (.integer, "imag"), (.boolean, "imag"): return .integer(0)
        case (.integer, "denominator"), (.boolean, "denominator"): return .integer(1)
        case (.float, "real"): return self
        case (.float, "imag"): return .float(0)
        case (.range(let range), "start"): return .integer(range.start)
        case (.range(let range), "stop"): return .integer(range.stop)
        case (.range(let range), "step"): return .integer(range.step)
        default: return nil
        }
    }

    /// Whether Python code can spell the value.
    fileprivate var isLiteral: Bool {
        switch self {
        case .none, .boolean, .integer, .float, .text, .range: true
        case .list(let elements), .tuple(let elements): elements.items.allSatisfy(\.isLiteral)
        case .table(let table):
            table.entries.allSatisfy { $0.key.isLiteral && $0.value.isLiteral }
        default: false
        }
    }

    fileprivate var isSliceable: Bool {
        switch self {
        case .text, .list, .tuple, .range: true
        default: false
        }
    }

    init(_ constant: Expression.Constant) {
        switch constant {
        case .none: self = .none
        case .boolean(let value): self = .boolean(value)
        case .integer(let value): self = .integer(value)
        case .float(let value): self = .float(value)
        case .text(let text): self = .text(text)
        }
    }
}

extension Optional {
    fileprivate var hasValue: Bool {
        if case .some = self { true } else { false }
    }
}
