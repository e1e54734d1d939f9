extension Parser {
    /// An expression, or several with commas between them, which are a tuple.
    mutating func tupleOrExpression(
        withConditional: Bool = true, endingAt end: String? = nil, inParentheses: Bool = false
    ) throws -> Expression {
        let line = current.line
        var items: [Expression] = []
        var isTuple = false
        while true {
            if !items.isEmpty { try expect(symbol: ",") }
            if isTupleEnd(end) { break }
            items.append(try expression(withConditional: withConditional))
            guard isSymbol(",") else { break }
            isTuple = true
        }
        if !isTuple {
            if let only = items.first { return only }
            guard inParentheses else { throw unexpected("an expression") }
        }
        return try make(.tuple(items), line: line)
    }

    mutating func expression(withConditional: Bool = true) throws -> Expression {
        try nested { withConditional ? try $0.conditional() : try $0.disjunction() }
    }

    private mutating func conditional() throws -> Expression {
        var line = current.line
        var result = try disjunction()
        while skip(name: "if") {
            let test = try disjunction()
            let otherwise = skip(name: "else") ? try nested { try $0.conditional() } : nil
            result = try make(
                .conditional(test: test, then: result, otherwise: otherwise), line: line)
            line = current.line
        }
        return result
    }

    private mutating func disjunction() throws -> Expression {
        let line = current.line
        var left = try conjunction()
        while skip(name: "or") {
            left = try make(.binary(.or, left, try conjunction()), line: line)
        }
        return left
    }

    private mutating func conjunction() throws -> Expression {
        let line = current.line
        var left = try negation()
        while skip(name: "and") {
            left = try make(.binary(.and, left, try negation()), line: line)
        }
        return left
    }

    private mutating func negation() throws -> Expression {
        let line = current.line
        guard skip(name: "not") else { return try comparison() }
        let operand = try nested { try $0.negation() }
        return try make(.unary(.not, operand), line: line)
    }

    private mutating func comparison() throws -> Expression {
        let line = current.line
        let first = try sum()
        var others: [(relation: Comparison, operand: Expression)] = []
        while true {
            let comparison: Comparison
            if case .symbol(let symbol) = current.kind, let known = Comparison(rawValue: symbol) {
                comparison = known
            } else if isName("in") {
                comparison = .isIn
            } else if isName("not"), following.kind == .name("in") {
                advance()
                comparison = .isNotIn
            } else {
                break
            }
            advance()
            others.append((comparison, try sum()))
        }
        return others.isEmpty ? first : try make(.comparison(first, others), line: line)
    }

    /// Reads operands with one of the operators between them, the left ones first.
    private mutating func chain(
        _ operators: [BinaryOperator], _ operand: (inout Parser) throws -> Expression
    ) throws -> Expression {
        let line = current.line
        var left = try operand(&self)
        while case .symbol(let symbol) = current.kind,
            let next = operators.first(where: { $0.rawValue == symbol })
        {
            advance()
            left = try make(.binary(next, left, try operand(&self)), line: line)
        }
        return left
    }

    private mutating func sum() throws -> Expression {
        try chain([.add, .subtract]) { try $0.concatenation() }
    }

    private mutating func concatenation() throws -> Expression {
        let line = current.line
        var parts = [try product()]
        while skip(symbol: "~") { parts.append(try product()) }
        return parts.count == 1 ? parts[0] : try make(.concatenation(parts), line: line)
    }

    private mutating func product() throws -> Expression {
        try chain([.multiply, .divide, .floorDivide, .modulo]) { try $0.power() }
    }

    private mutating func power() throws -> Expression {
        try chain([.power]) { try $0.unary() }
    }

    /// A sign binds tighter than `**`, and a filter after it applies to the whole.
    private mutating func unary(withFilter: Bool = true) throws -> Expression {
        let line = current.line
        var result: Expression
        if isSymbol("-") || isSymbol("+") {
            let sign: UnaryOperator = isSymbol("-") ? .minus : .plus
            advance()
            let operand = try nested { try $0.unary(withFilter: false) }
            result = try make(.unary(sign, operand), line: line)
        } else {
            result = try primary()
        }
        result = try postfix(result)
        return withFilter ? try filtersAndTests(result) : result
    }

    private mutating func primary() throws -> Expression {
        let line = current.line
        switch current.kind {
        case .name(let name):
            advance()
            switch name {
            case "true", "True": return try make(.constant(.boolean(true)), line: line)
            case "false", "False": return try make(.constant(.boolean(false)), line: line)
            case "none", "None": return try make(.constant(.none), line: line)
            default: return try make(.name(name), line: line)
            }
        case .string(var text):
            advance()
            while case .string(let more) = current.kind {
                text.units += more.units
                advance()
            }
            return try make(.constant(.text(text)), line: line)
        case .integer(let value):
            advance()
            return try make(.constant(.integer(value)), line: line)
        case .float(let value):
            advance()
            return try make(.constant(.float(value)), line: line)
        case .symbol("("):
            advance()
            let inner = try nested { try $0.tupleOrExpression(inParentheses: true) }
            try expect(symbol: ")")
            return inner
        case .symbol("["):
            advance()
            var items: [Expression] = []
            while !isSymbol("]") {
                if !items.isEmpty { try expect(symbol: ",") }
                if isSymbol("]") { break }
                items.append(try expression())
            }
            advance()
            return try make(.list(items), line: line)
        case .symbol("{"):
            advance()
            var pairs: [(key: Expression, value: Expression)] = []
            while !isSymbol("}") {
                if !pairs.isEmpty { try expect(symbol: ",") }
                if isSymbol("}") { break }
                let key = try expression()
                try expect(symbol: ":")
                pairs.append((key, try expression()))
            }
            advance()
            return try make(.dictionary(pairs), line: line)
        default: throw unexpected("an expression")
        }
    }

    private mutating func postfix(_ expression: Expression) throws -> Expression {
        var result = expression
        while true {
            let line = current.line
            if skip(symbol: ".") {
                switch current.kind {
                case .name(let name): result = try make(.attribute(result, name), line: line)
                case .integer(let index):
                    let key = try make(.constant(.integer(index)), line: line)
                    result = try make(.item(result, key), line: line)
                default: throw unexpected("a name or a number")
                }
                advance()
            } else if skip(symbol: "[") {
                result = try subscripted(result, line: line)
            } else if isSymbol("(") {
                result = try make(.call(result, try arguments()), line: line)
            } else {
                return result
            }
        }
    }

    /// Reads what stands in brackets after a value.
    private mutating func subscripted(_ object: Expression, line: Int) throws -> Expression {
        var keys: [Expression] = []
        var slice: Expression?
        while !isSymbol("]") {
            if !keys.isEmpty || slice != nil { try expect(symbol: ",") }
            if !isSymbol(":") {
                let key = try expression()
                guard isSymbol(":") else {
                    keys.append(key)
                    continue
                }
                slice = try self.slice(of: object, start: key, line: line)
            } else {
                slice = try self.slice(of: object, start: nil, line: line)
            }
        }
        advance()
        if let slice {
            guard keys.isEmpty, case .slice = slice.form else {
                throw failure("a slice stands among other keys", line: line)
            }
            return slice
        }
        let key = keys.count == 1 ? keys[0] : try make(.tuple(keys), line: line)
        return try make(.item(object, key), line: line)
    }

    private mutating func slice(
        of object: Expression, start: Expression?, line: Int
    ) throws -> Expression {
        func isAtEnd() -> Bool { isSymbol("]") || isSymbol(",") }
        try expect(symbol: ":")
        let stop = isSymbol(":") || isAtEnd() ? nil : try expression()
        let step = skip(symbol: ":") && !isAtEnd() ? try expression() : nil
        return try make(.slice(object, start: start, stop: stop, step: step), line: line)
    }

    private mutating func filtersAndTests(_ expression: Expression) throws -> Expression {
        var result = expression
        while true {
            if isSymbol("|") {
                result = try filter(of: result)
            } else if isName("is") {
                result = try test(of: result)
            } else if isSymbol("(") {
                let line = current.line
                result = try make(.call(result, try arguments()), line: line)
            } else {
                return result
            }
        }
    }

    /// Reads filters, each after a bar; `isInline` says that the first one has none.
    mutating func filter(of input: Expression, isInline: Bool = false) throws -> Expression {
        var result = input
        var isInline = isInline
        while isInline || isSymbol("|") {
            if !isInline { advance() }
            isInline = false
            let line = current.line
            let name = try dottedName()
            let arguments = isSymbol("(") ? try self.arguments() : CallArguments()
            result = try make(.filter(result, name, arguments), line: line)
        }
        return result
    }

    private mutating func dottedName() throws -> String {
        var name = try expectName()
        while skip(symbol: ".") { name += "." + (try expectName()) }
        return name
    }

    private mutating func test(of input: Expression) throws -> Expression {
        let line = current.line
        advance()
        let isNegated = skip(name: "not")
        let name = try dottedName()
        var arguments = CallArguments()
        if isSymbol("(") {
            arguments = try self.arguments()
        } else if beginsTestArgument {
            if isName("is") { throw failure("a test follows a test") }
            let argument = try nested { try $0.postfix(try $0.primary()) }
            arguments.positional = [argument]
        }
        let test = try make(.test(input, name, arguments), line: line)
        return isNegated ? try make(.unary(.not, test), line: line) : test
    }

    private var beginsTestArgument: Bool {
        switch current.kind {
        case .name(let name): !["else", "or", "and"].contains(name)
        case .string, .integer, .float, .symbol("["), .symbol("{"): true
        default: false
        }
    }

    private mutating func arguments() throws -> CallArguments {
        let line = current.line
        try expect(symbol: "(")
        var arguments = CallArguments()
        var needsComma = false
        func check(_ isAllowed: Bool) throws {
            if !isAllowed { throw failure("the arguments are in a wrong order", line: line) }
        }
        while !isSymbol(")") {
            if needsComma {
                try expect(symbol: ",")
                if isSymbol(")") { break }
            }
            needsComma = true
            if skip(symbol: "*") {
                try check(arguments.morePositional == nil && arguments.moreNamed == nil)
                arguments.morePositional = try expression()
            } else if skip(symbol: "**") {
                try check(arguments.moreNamed == nil)
                arguments.moreNamed = try expression()
            } else if case .name(let name) = current.kind, following.kind == .symbol("=") {
                try check(arguments.moreNamed == nil)
                guard !arguments.named.contains(where: { $0.name == name }) else {
                    throw failure("the argument \(shownName(name)) is given twice", line: line)
                }
                advance()
                advance()
                arguments.named.append((name, try expression()))
            } else {
                try check(
                    arguments.morePositional == nil && arguments.moreNamed == nil
                        && arguments.named.isEmpty)
                arguments.positional.append(try expression())
            }
        }
        advance()
        return arguments
    }
}
