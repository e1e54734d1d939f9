// The grammar is that of Jinja2 3.1.6, parser.py, without what needs other templates (`include`,
// `import`, `extends`, `block`) or a second kind of text (`autoescape`).

/// Makes statements of a template's tokens.
struct Parser {
    typealias Kind = Lexer.Kind

    let limits: TemplateLimits
    private let tokens: [Lexer.Token]
    private var position = 0
    /// Blocks and expressions being read.
    var depth = 0
    /// Loops around the statement, within the same macro.
    private var loops = 0
    private var frames = 1

    /// A whole template, and the number of its frames; frame 0 is the template's own.
    static func parse(
        _ source: String, limits: TemplateLimits
    ) throws -> (body: [Statement], frames: Int) {
        guard source.utf8.count <= limits.sourceBytes else {
            throw TemplateError(
                .limit, line: nil, "it has more than \(limits.sourceBytes) bytes")
        }
        var parser = Parser(limits: limits, tokens: try Lexer.tokens(source))
        let body = try parser.statements(until: [])
        return (body, parser.frames)
    }

    private init(limits: TemplateLimits, tokens: [Lexer.Token]) {
        self.limits = limits
        self.tokens = tokens
    }

    // MARK: - Tokens

    var current: Lexer.Token { tokens[position] }
    var following: Lexer.Token { tokens[min(position + 1, tokens.count - 1)] }

    mutating func advance() { position = min(position + 1, tokens.count - 1) }

    func isSymbol(_ symbol: String) -> Bool { current.kind == .symbol(symbol) }

    func isName(_ name: String) -> Bool { current.kind == .name(name) }

    mutating func skip(symbol: String) -> Bool {
        guard isSymbol(symbol) else { return false }
        advance()
        return true
    }

    mutating func skip(name: String) -> Bool {
        guard isName(name) else { return false }
        advance()
        return true
    }

    mutating func expect(symbol: String) throws {
        guard skip(symbol: symbol) else { throw unexpected("\"\(symbol)\"") }
    }

    mutating func expectName() throws -> String {
        guard case .name(let name) = current.kind else { throw unexpected("a name") }
        advance()
        return name
    }

    private mutating func expectBlockEnd() throws {
        guard current.kind == .blockEnd else { throw unexpected("\"%}\"") }
        advance()
    }

    func failure(_ problem: String, line: Int? = nil) -> TemplateError {
        TemplateError(.template, line: line ?? current.line, problem)
    }

    func unexpected(_ expected: String) -> TemplateError {
        failure("\(expected) is expected, not \(description(of: current.kind))")
    }

    private func description(of kind: Kind) -> String {
        switch kind {
        case .data: "text"
        case .printBegin: "\"{{\""
        case .printEnd: "\"}}\""
        case .blockBegin: "\"{%\""
        case .blockEnd: "\"%}\""
        case .name(let name): shownName(name)
        case .string: "a string"
        case .integer, .float: "a number"
        case .symbol(let symbol): "\"\(symbol)\""
        case .end: "the template's end"
        }
    }

    /// Reads something inside what is being read, unless that is too deep.
    mutating func nested<Part>(_ read: (inout Parser) throws -> Part) throws -> Part {
        guard depth < limits.syntaxDepth else {
            throw TemplateError(
                .limit, line: current.line,
                "expressions or blocks are inside each other more than \(limits.syntaxDepth) deep")
        }
        depth += 1
        defer { depth -= 1 }
        return try read(&self)
    }

    /// An expression, unless others are inside it too deep.
    func make(_ form: Expression.Form, line: Int) throws -> Expression {
        let expression = Expression(form, line: line)
        guard expression.depth <= limits.syntaxDepth else {
            throw TemplateError(
                .limit, line: line,
                "expressions are inside each other more than \(limits.syntaxDepth) deep")
        }
        return expression
    }

    // MARK: - Statements

    /// Reads up to a tag of one of the names, which becomes the current token.
    private mutating func statements(until ends: Set<String>) throws -> [Statement] {
        var body: [Statement] = []
        while true {
            let line = current.line
            switch current.kind {
            case .data(let text):
                advance()
                body.append(Statement(form: .data(text), line: line))
            case .printBegin:
                advance()
                let expression = try tupleOrExpression()
                guard current.kind == .printEnd else { throw unexpected("\"}}\"") }
                advance()
                body.append(Statement(form: .print(expression), line: line))
            case .blockBegin:
                advance()
                if case .name(let name) = current.kind, ends.contains(name) { return body }
                body += try nested { try $0.statement() }
                try expectBlockEnd()
            case .end where ends.isEmpty:
                return body
            default:
                let names = ends.sorted().map { "\"\($0)\"" }.joined(separator: " or ")
                throw failure("the template ends where \(names) is expected")
            }
        }
    }

    /// Reads the body of a tag, up to a tag of one of the names.
    private mutating func body(until ends: String...) throws -> [Statement] {
        _ = skip(symbol: ":")
        try expectBlockEnd()
        return try statements(until: Set(ends))
    }

    /// Reads the body of a tag with variables of its own, and the tag that ends it.
    private mutating func block(until end: String) throws -> Block {
        frames += 1
        let frame = frames - 1
        let body = try body(until: end)
        advance()
        return Block(body: body, frame: frame)
    }

    private mutating func statement() throws -> [Statement] {
        let line = current.line
        let tag = try expectName()
        let form: Statement.Form
        switch tag {
        case "if": form = try conditional()
        case "for": form = .loop(try loop())
        case "set": form = try assignment()
        case "macro":
            let name = try expectName()
            form = .macro(try macro(name: name, until: "endmacro"))
        case "call": form = try call(line: line)
        case "filter":
            let capture = try make(.capture, line: line)
            let filter = try filter(of: capture, isInline: true)
            form = .filter(filter, try block(until: "endfilter"))
        case "with": form = try with()
        case "generation":
            form = .generation(try withoutLoops { try $0.block(until: "endgeneration") })
        case "print": return try print(line: line)
        case "break", "continue":
            guard loops > 0 else { throw failure("\"\(tag)\" is outside of loops", line: line) }
            form = tag == "break" ? .leave : .next
        case "include", "import", "from", "extends", "block", "autoescape":
            throw failure("\"\(tag)\" is not for chat templates", line: line)
        default: throw failure("the tag \(shownName(tag)) is unknown here", line: line)
        }
        return [Statement(form: form, line: line)]
    }

    private mutating func withoutLoops<Part>(
        _ read: (inout Parser) throws -> Part
    ) throws -> Part {
        let outer = loops
        loops = 0
        defer { loops = outer }
        return try read(&self)
    }

    private mutating func conditional() throws -> Statement.Form {
        var branches: [(test: Expression, body: [Statement])] = []
        while true {
            let test = try tupleOrExpression(withConditional: false)
            branches.append((test, try body(until: "elif", "else", "endif")))
            switch current.kind {
            case .name("elif"): advance()
            case .name("else"):
                advance()
                let otherwise = try body(until: "endif")
                advance()
                return .conditional(branches, otherwise: otherwise)
            default:
                advance()
                return .conditional(branches, otherwise: [])
            }
        }
    }

    private mutating func loop() throws -> LoopStatement {
        let target = try self.target(endingAt: "in")
        guard skip(name: "in") else { throw unexpected("\"in\"") }
        let sequence = try tupleOrExpression(withConditional: false, endingAt: "recursive")
        let test = skip(name: "if") ? try expression() : nil
        if isName("recursive") { throw failure("recursive loops are not for chat templates") }
        frames += 1
        let frame = frames - 1
        loops += 1
        let statements: [Statement]
        do {
            defer { loops -= 1 }
            statements = try body(until: "endfor", "else")
        }
        var otherwise: Block?
        if skip(name: "else") {
            otherwise = try block(until: "endfor")
        } else {
            advance()
        }
        return LoopStatement(
            target: target, sequence: sequence, test: test,
            body: Block(body: statements, frame: frame), otherwise: otherwise)
    }

    private mutating func assignment() throws -> Statement.Form {
        let target = try self.target(withAttributes: true)
        if skip(symbol: "=") { return .set(target, try tupleOrExpression()) }
        var filter: Expression?
        if isSymbol("|") { filter = try self.filter(of: try make(.capture, line: current.line)) }
        return .setBlock(target, filter: filter, try block(until: "endset"))
    }

    private mutating func call(line: Int) throws -> Statement.Form {
        var signature: (parameters: [String], defaults: [Expression]) = ([], [])
        if isSymbol("(") { signature = try self.signature() }
        let call = try expression()
        guard case .call = call.form else { throw failure("a call is expected", line: line) }
        return .call(try macroBody(name: nil, signature, until: "endcall"), call)
    }

    private mutating func macro(name: String, until end: String) throws -> MacroDefinition {
        try macroBody(name: name, try signature(), until: end)
    }

    private mutating func macroBody(
        name: String?, _ signature: (parameters: [String], defaults: [Expression]),
        until end: String
    ) throws -> MacroDefinition {
        let line = current.line
        let block = try withoutLoops { try $0.block(until: end) }
        let specials = NameUse.names(["caller", "kwargs", "varargs"], in: block.body)
        guard Set(signature.parameters).count == signature.parameters.count else {
            throw failure("a parameter is named twice", line: line)
        }
        if specials.contains("caller"),
            let place = signature.parameters.firstIndex(of: "caller"),
            place < signature.parameters.count - signature.defaults.count
        {
            throw failure("the parameter \"caller\" needs a default", line: line)
        }
        return MacroDefinition(
            name: name, parameters: signature.parameters, defaults: signature.defaults,
            block: block, specials: specials)
    }

    private mutating func signature() throws -> (parameters: [String], defaults: [Expression]) {
        var parameters: [String] = []
        var defaults: [Expression] = []
        try expect(symbol: "(")
        while !isSymbol(")") {
            if !parameters.isEmpty { try expect(symbol: ",") }
            parameters.append(try nameToStore())
            if skip(symbol: "=") {
                defaults.append(try expression())
            } else if !defaults.isEmpty {
                throw failure("a parameter without a default follows one that has one")
            }
        }
        advance()
        return (parameters, defaults)
    }

    private mutating func with() throws -> Statement.Form {
        var pairs: [(target: Target, value: Expression)] = []
        while current.kind != .blockEnd {
            if !pairs.isEmpty { try expect(symbol: ",") }
            let target = try self.target()
            try expect(symbol: "=")
            pairs.append((target, try expression()))
        }
        return .with(pairs, try block(until: "endwith"))
    }

    private mutating func print(line: Int) throws -> [Statement] {
        var statements: [Statement] = []
        while current.kind != .blockEnd {
            if !statements.isEmpty { try expect(symbol: ",") }
            statements.append(Statement(form: .print(try expression()), line: line))
        }
        return statements
    }

    // MARK: - Targets

    private static let constants: Set<String> = ["true", "false", "none", "True", "False", "None"]

    private mutating func nameToStore() throws -> String {
        let name = try expectName()
        guard !Self.constants.contains(name) else {
            throw failure("a value cannot be stored in \"\(name)\"")
        }
        return name
    }

    /// Names, or attributes of namespaces, to which a value is assigned.
    private mutating func target(
        withAttributes: Bool = false, endingAt end: String? = nil
    ) throws -> Target {
        var targets: [Target] = []
        var isTuple = false
        while true {
            if !targets.isEmpty { try expect(symbol: ",") }
            if isTupleEnd(end) { break }
            targets.append(try singleTarget(withAttributes: withAttributes))
            guard isSymbol(",") else { break }
            isTuple = true
        }
        if isTuple { return .tuple(targets) }
        guard let target = targets.first else { throw unexpected("a name") }
        return target
    }

    private mutating func singleTarget(withAttributes: Bool) throws -> Target {
        if skip(symbol: "(") {
            // Inside parentheses Jinja2 reads an expression, of which only names can be stored to.
            let inner: Target =
                isSymbol(")")
                ? .tuple([]) : try nested { try $0.target() }
            try expect(symbol: ")")
            return inner
        }
        guard withAttributes, following.kind == .symbol("."), case .name(let name) = current.kind
        else { return .name(try nameToStore()) }
        guard !Self.constants.contains(name) else { return .name(try nameToStore()) }
        advance()
        advance()
        return .attribute(name, try expectName())
    }

    func isTupleEnd(_ end: String? = nil) -> Bool {
        switch current.kind {
        case .printEnd, .blockEnd, .symbol(")"): true
        case .name(let name): name == end
        default: false
        }
    }
}
