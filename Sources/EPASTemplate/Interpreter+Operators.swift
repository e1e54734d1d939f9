import Glibc

extension Interpreter {
    func isTrue(_ value: Value) throws -> Bool {
        switch value {
        case .undefined, .none: false
        case .boolean(let value): value
        case .integer(let value): value != 0
        case .float(let value): value != 0
        case .text(let text): !text.isEmpty
        case .list, .tuple, .table, .view, .range, .loop: try count(of: value) > 0
        case .generator, .namespace, .macro, .function, .method: true
        }
    }

    private enum Number {
        case integer(Int)
        case float(Double)

        init?(_ value: Value) {
            if let integer = value.integer {
                self = .integer(integer)
            } else if case .float(let double) = value {
                self = .float(double)
            } else {
                return nil
            }
        }

        var double: Double {
            switch self {
            case .integer(let value): Double(value)
            case .float(let value): value
            }
        }
    }

    // MARK: - Arithmetic

    func apply(_ sign: UnaryOperator, _ value: Value) throws -> Value {
        if sign == .not { return .boolean(try !isTrue(value)) }
        if case .undefined(let problem) = value { throw failure(problem) }
        switch Number(value) {
        case .integer(let integer):
            return sign == .plus
                ? .integer(integer) : try checked(0, integer, Int.subtractingReportingOverflow)
        case .float(let double): return .float(sign == .plus ? double : -double)
        case nil: throw failure("a \(value.typeName) has no sign")
        }
    }

    private func checked(
        _ left: Int, _ right: Int,
        _ operation: (Int) -> (Int) -> (partialValue: Int, overflow: Bool)
    ) throws -> Value {
        let (value, overflow) = operation(left)(right)
        guard !overflow else { throw limit("a whole number leaves 64 bits") }
        return .integer(value)
    }

    func apply(_ operation: BinaryOperator, _ left: Value, _ right: Value) throws -> Value {
        // Python asks the left operand of % first, and a str formats anything.
        if operation == .modulo, case .text(let format) = left {
            return .text(try percentFormat(format, right))
        }
        for case .undefined(let problem) in [left, right] { throw failure(problem) }
        if let first = Number(left), let second = Number(right) {
            return try apply(operation, first, second)
        }
        switch (operation, left, right) {
        case (.add, .text(let left), .text(let right)):
            let isMarkup = left.isMarkup || right.isMarkup
            return isMarkup
                ? try text(left.escaped.units + right.escaped.units, isMarkup: true)
                : try text(left.units + right.units)
        case (.add, .list(let left), .list(let right)): return try list(left.items + right.items)
        case (.add, .tuple(let left), .tuple(let right)): return try tuple(left.items + right.items)
        case (.multiply, .text, _), (.multiply, .list, _), (.multiply, .tuple, _):
            if let count = right.integer { return try repeated(left, count) }
        case (.multiply, _, .text), (.multiply, _, .list), (.multiply, _, .tuple):
            if let count = left.integer { return try repeated(right, count) }
        default: break
        }
        throw failure(
            "\"\(operation.rawValue)\" is not for a \(left.typeName) and a \(right.typeName)")
    }

    private func repeated(_ value: Value, _ count: Int) throws -> Value {
        let count = max(0, count)
        let size = try self.count(of: value)
        let (total, overflow) = size.multipliedReportingOverflow(by: count)
        guard !overflow, total <= limits.characters else {
            throw limit("something is repeated to more than \(limits.characters) parts")
        }
        switch value {
        case .text(let source):
            try spend(total / 16)
            return try text(
                Array(repeatElement(source.units, count: size == 0 ? 0 : count).joined()),
                isMarkup: source.isMarkup)
        case .list(let elements), .tuple(let elements):
            try spend(total)
            let items = Array(repeatElement(elements.items, count: size == 0 ? 0 : count).joined())
            if case .list = value { return try list(items) }
            return try tuple(items)
        default: fatalError("Only sequences are repeated")
        }
    }

    private func apply(
        _ operation: BinaryOperator, _ left: Number, _ right: Number
    ) throws -> Value {
        if case .integer(let left) = left, case .integer(let right) = right {
            return try apply(operation, left, right)
        }
        let (left, right) = (left.double, right.double)
        switch operation {
        case .add: return .float(left + right)
        case .subtract: return .float(left - right)
        case .multiply: return .float(left * right)
        case .divide:
            guard right != 0 else { throw failure("a number is divided by 0") }
            return .float(left / right)
        case .floorDivide: return .float(try Self.divided(left, right, self).quotient)
        case .modulo: return .float(try Self.divided(left, right, self).remainder)
        case .power: return .float(try power(left, right))
        case .and, .or: fatalError("Decided before")
        }
    }

    /// Python's `divmod` of floats. Source: CPython 3.11, Objects/floatobject.c.
    private static func divided(
        _ left: Double, _ right: Double, _ interpreter: Interpreter
    ) throws -> (quotient: Double, remainder: Double) {
        guard right != 0 else { throw interpreter.failure("a number is divided by 0") }
        var remainder = fmod(left, right)
        var quotient = (left - remainder) / right
        if remainder != 0 {
            if (right < 0) != (remainder < 0) {
                remainder += right
                quotient -= 1
            }
        } else {
            remainder = copysign(0, right)
        }
        guard quotient != 0 else { return (copysign(0, left / right), remainder) }
        var floored = quotient.rounded(.down)
        if quotient - floored > 0.5 { floored += 1 }
        return (floored, remainder)
    }

    private func power(_ base: Double, _ exponent: Double) throws -> Double {
        if base == 0, exponent < 0 { throw failure("0 has no negative power") }
        if base < 0, base.isFinite, exponent.isFinite, exponent != exponent.rounded() {
            throw failure("the power is a complex number")
        }
        let result = pow(base, exponent)
        if result.isInfinite, base.isFinite, exponent.isFinite {
            throw failure("a power is too large")
        }
        return result
    }

    private func apply(_ operation: BinaryOperator, _ left: Int, _ right: Int) throws -> Value {
        switch operation {
        case .add: return try checked(left, right, Int.addingReportingOverflow)
        case .subtract: return try checked(left, right, Int.subtractingReportingOverflow)
        case .multiply: return try checked(left, right, Int.multipliedReportingOverflow)
        case .divide:
            guard right != 0 else { throw failure("a number is divided by 0") }
            return .float(Double(left) / Double(right))
        case .floorDivide, .modulo:
            guard right != 0 else { throw failure("a number is divided by 0") }
            let (quotient, overflow) = left.dividedReportingOverflow(by: right)
            guard !overflow else {
                if operation == .modulo { return .integer(0) }
                throw limit("a whole number leaves 64 bits")
            }
            let remainder = left - quotient * right
            let isBelow = remainder != 0 && (remainder < 0) != (right < 0)
            return .integer(
                operation == .modulo
                    ? (isBelow ? remainder + right : remainder)
                    : (isBelow ? quotient - 1 : quotient))
        case .power:
            guard right >= 0 else { return .float(try power(Double(left), Double(right))) }
            return .integer(try power(left, right))
        case .and, .or: fatalError("Decided before")
        }
    }

    private func power(_ base: Int, _ exponent: Int) throws -> Int {
        switch base {
        case 0: return exponent == 0 ? 1 : 0
        case 1: return 1
        case -1: return exponent & 1 == 0 ? 1 : -1
        default: break
        }
        var result = 1
        guard exponent < 64 else { throw limit("a whole number leaves 64 bits") }
        for _ in 0..<exponent {
            let (product, overflow) = result.multipliedReportingOverflow(by: base)
            guard !overflow else { throw limit("a whole number leaves 64 bits") }
            result = product
        }
        return result
    }

    // MARK: - Comparisons

    func holds(_ comparison: Comparison, _ left: Value, _ right: Value) throws -> Bool {
        switch comparison {
        case .equal: try equal(left, right)
        case .unequal: try !equal(left, right)
        case .less: try isLess(left, right)
        case .greater: try isLess(right, left)
        case .lessOrEqual: try isLess(left, right, orEqual: true)
        case .greaterOrEqual: try isLess(right, left, orEqual: true)
        case .isIn: try contains(right, left)
        case .isNotIn: try !contains(right, left)
        }
    }

    func equal(_ left: Value, _ right: Value) throws -> Bool {
        try spend()
        if let left = Number(left), let right = Number(right) {
            return Self.order(left, right) == .equal
        }
        switch (left, right) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.text(let left), .text(let right)):
            try spend(min(left.count, right.count) / 16)
            return left == right
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            return try equal(left.items, right.items)
        case (.table(let left), .table(let right)):
            guard left.count == right.count else { return false }
            for entry in left.entries {
                let other = right[try key(entry.key)]
                guard let other, try equal(entry.value, other) else { return false }
            }
            return true
        case (.range(let left), .range(let right)):
            return left.count == right.count
                && (left.count == 0
                    || left.start == right.start && (left.count == 1 || left.step == right.step))
        case (.view(_, .values), .view(_, .values)): return false
        case (.view(_, let kind), .view(_, let other)) where kind == other:
            let (left, right) = (try items(of: left), try items(of: right))
            guard left.count == right.count else { return false }
            for item in left where try !right.contains(where: { try equal(item, $0) }) {
                return false
            }
            return true
        case (.function(let left), .function(let right)): return left == right
        case (.method(let left, let name), .method(let right, let other)):
            return try name == other && equal(left, right)
        default:
            guard let left = Self.identity(left), let right = Self.identity(right) else {
                return false
            }
            return left == right
        }
    }

    func equal(_ left: [Value], _ right: [Value]) throws -> Bool {
        guard left.count == right.count else { return false }
        for (left, right) in zip(left, right) where try !equal(left, right) { return false }
        return true
    }

    private static func identity(_ value: Value) -> ObjectIdentifier? {
        switch value {
        case .namespace(let object): ObjectIdentifier(object)
        case .generator(let object): ObjectIdentifier(object)
        case .loop(let object): ObjectIdentifier(object)
        case .macro(let object): ObjectIdentifier(object)
        default: nil
        }
    }

    private enum Order {
        case less, equal, greater, none
    }

    /// Compares exactly, where converting a large whole number would round it.
    private static func order(_ left: Number, _ right: Number) -> Order {
        switch (left, right) {
        case (.integer(let left), .integer(let right)):
            return left < right ? .less : left == right ? .equal : .greater
        case (.integer(let left), .float(let right)):
            switch order(.float(right), .integer(left)) {
            case .less: return .greater
            case .greater: return .less
            case let same: return same
            }
        case (.float(let left), .integer(let right)):
            if left.isNaN { return .none }
            if left >= 0x1p63 { return .greater }
            if left < -0x1p63 { return .less }
            let whole = Int(left.rounded(.towardZero))
            if whole != right { return whole < right ? .less : .greater }
            let rest = left - left.rounded(.towardZero)
            return rest < 0 ? .less : rest > 0 ? .greater : .equal
        case (.float(let left), .float(let right)):
            return left < right ? .less : left == right ? .equal : left > right ? .greater : .none
        }
    }

    func isLess(_ left: Value, _ right: Value, orEqual: Bool = false) throws -> Bool {
        try spend()
        for case .undefined(let problem) in [left, right] { throw failure(problem) }
        if let left = Number(left), let right = Number(right) {
            let order = Self.order(left, right)
            return order == .less || orEqual && order == .equal
        }
        switch (left, right) {
        case (.text(let left), .text(let right)):
            try spend(min(left.count, right.count) / 16)
            return orEqual ? !(right < left) : left < right
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            for (left, right) in zip(left.items, right.items) where try !equal(left, right) {
                return try isLess(left, right, orEqual: orEqual)
            }
            let (left, right) = (left.items.count, right.items.count)
            return orEqual ? left <= right : left < right
        default:
            throw failure("a \(left.typeName) and a \(right.typeName) have no order")
        }
    }

    func contains(_ container: Value, _ value: Value) throws -> Bool {
        switch container {
        case .text(let text):
            guard case .text(let part) = value else {
                throw failure("a \(value.typeName) cannot be part of a str")
            }
            try spend((text.count + part.count) / 16)
            return text.contains(part)
        case .table(let table), .view(let table, .keys): return table[try key(value)] != nil
        case .list, .tuple, .view, .undefined:
            return try items(of: container).contains { try equal($0, value) }
        case .range(let range):
            return try items(of: .range(range)).contains { try equal($0, value) }
        case .generator(let generator):
            while let item = try generator.next() {
                if try equal(item, value) { return true }
            }
            return false
        default: throw failure("nothing is in a \(container.typeName)")
        }
    }

    /// The value as a key of a dictionary.
    func key(_ value: Value) throws -> Key {
        try spend()
        switch value {
        case .undefined: return .undefined
        case .none: return .none
        case .boolean(let value): return .integer(value ? 1 : 0)
        case .integer(let value): return .integer(value)
        case .float(let value):
            return Int(exactly: value).map(Key.integer) ?? .float(value)
        case .text(let text): return .text(text)
        case .tuple(let elements): return .tuple(try elements.items.map { try key($0) })
        case .function(let function): return .named(function.rawValue)
        case .method(_, let name): return .named("." + name)
        case .range(let range): return .tuple(try items(of: .range(range)).map { try key($0) })
        default:
            if let identity = Self.identity(value) { return .object(identity) }
            throw failure("a \(value.typeName) cannot be a key")
        }
    }
}
