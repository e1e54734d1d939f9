/// Renders a template once.
final class Interpreter {
    let limits: TemplateLimits
    let now: (String) -> String
    private let hidden: [[String]]
    private let globals: [String: Value]
    private var steps = 0
    private var depth = 0
    /// Whether what is done is what Jinja2 does when it reads the template.
    var isFolding = false
    /// Line of what is being done, for errors.
    var line = 1
    /// Where text goes: the template's output, or that of the innermost macro or block.
    private var output: [UInt32] = []
    /// The text that ``Expression/Form/capture`` stands for.
    private var capture = Text()
    /// What can refer to itself, to be emptied at the end.
    private var namespaces: [Namespace] = []
    private var closures: [Scope] = []

    init(
        _ analysis: ScopeAnalysis, globals: [String: Value], limits: TemplateLimits,
        now: @escaping (String) -> String
    ) {
        hidden = analysis.hidden
        self.globals = globals
        self.limits = limits
        self.now = now
    }

    /// The characters of the rendered template.
    func render(_ body: [Statement]) throws -> [UInt32] {
        defer {
            for namespace in namespaces { namespace.attributes = Table() }
            for scope in closures { scope.variables = [:] }
        }
        _ = try execute(body, Scope(in: nil, hiding: hidden[0]))
        return output
    }

    // MARK: - Faults and bounds

    func failure(_ problem: String) -> TemplateError {
        TemplateError(.template, line: line, problem)
    }

    func limit(_ problem: String) -> TemplateError {
        TemplateError(.limit, line: line, problem)
    }

    /// Counts work done.
    func spend(_ count: Int = 1) throws {
        let (sum, overflow) = steps.addingReportingOverflow(count)
        steps = sum
        guard !overflow, steps <= limits.steps else {
            throw limit("it takes more than \(limits.steps) steps")
        }
    }

    /// Does something that is inside what is being done.
    func nested<Result>(_ work: () throws -> Result) throws -> Result {
        depth += 1
        defer { depth -= 1 }
        guard depth <= limits.depth else {
            throw limit("it goes more than \(limits.depth) calls and blocks deep")
        }
        return try work()
    }

    func text(_ units: [UInt32], isMarkup: Bool = false) throws -> Value {
        .text(try checked(Text(units, isMarkup: isMarkup)))
    }

    /// A text that was just made.
    func checked(_ text: Text) throws -> Text {
        try spend(text.count / 16)
        guard text.count <= limits.characters else {
            throw limit("a text has more than \(limits.characters) characters")
        }
        return text
    }

    func elements(_ items: [Value]) throws -> Elements {
        try spend(items.count)
        var depth = 1
        for item in items { depth = max(depth, try storable(item).depth + 1) }
        return Elements(items, depth: try checked(depth: depth))
    }

    func list(_ items: [Value]) throws -> Value { .list(try elements(items)) }

    func tuple(_ items: [Value]) throws -> Value { .tuple(try elements(items)) }

    func table(_ pairs: [(Value, Value)]) throws -> Table {
        var table = Table()
        for (key, value) in pairs { try set(key, to: value, in: &table) }
        return table
    }

    func set(_ key: Value, to value: Value, in table: inout Table) throws {
        try spend(1)
        table.set(key, hashed: try self.key(key), to: try storable(value))
        _ = try checked(depth: table.depth)
    }

    private func storable(_ value: Value) throws -> Value {
        guard value.isStorable else {
            throw failure("a \(value.typeName) cannot be put into a collection")
        }
        return value
    }

    private func checked(depth: Int) throws -> Int {
        guard depth <= limits.valueDepth else {
            throw limit("collections are inside each other more than \(limits.valueDepth) deep")
        }
        return depth
    }

    func makeNamespace() -> Namespace {
        let namespace = Namespace()
        namespaces.append(namespace)
        return namespace
    }

    // MARK: - Statements

    /// How statements ended.
    enum Flow {
        case done, leave, next
    }

    func execute(_ body: [Statement], _ scope: Scope) throws -> Flow {
        for statement in body {
            line = statement.line
            try spend()
            let flow = try nested { try execute(statement, scope) }
            if flow != .done { return flow }
        }
        return .done
    }

    private func execute(_ statement: Statement, _ scope: Scope) throws -> Flow {
        switch statement.form {
        case .data(let text): try write(text.units)
        case .print(let expression):
            let value = try folded(expression, scope) { _ in true } ?? evaluate(expression, scope)
            try write(try string(of: value).units)
        case .conditional(let branches, let otherwise):
            for branch in branches where try isTrue(evaluate(branch.test, scope)) {
                return try execute(branch.body, scope)
            }
            return try execute(otherwise, scope)
        case .loop(let loop): return try execute(loop, scope)
        case .set(let target, let value):
            try check(target, scope)
            try store(try evaluate(value, scope), in: target, scope)
        case .setBlock(let target, let filter, let block):
            let inner = self.scope(of: block, in: scope)
            let (text, flow) = try captured { try execute(block.body, inner) }
            guard flow == .done else { return flow }
            let value = try filter.map { try apply($0, to: text, inner) } ?? .text(text)
            try check(target, scope)
            try store(value, in: target, scope)
        case .macro(let definition):
            // The macro refers to the variables, and they to it.
            try spend(10)
            closures.append(scope)
            scope.variables[definition.name ?? ""] = .macro(Macro(definition, in: scope))
        case .call(let definition, let call):
            let caller = Macro(definition, in: scope)
            try write(try string(of: evaluate(call: call, scope, caller: caller)).units)
        case .filter(let filter, let block):
            let inner = self.scope(of: block, in: scope)
            let (text, flow) = try captured { try execute(block.body, inner) }
            guard flow == .done else { return flow }
            try write(try string(of: apply(filter, to: text, inner)).units)
        case .with(let pairs, let block):
            let inner = self.scope(of: block, in: scope)
            for pair in pairs {
                try store(try evaluate(pair.value, scope), in: pair.target, inner)
            }
            return try execute(block.body, inner)
        case .generation(let block):
            return try execute(block.body, self.scope(of: block, in: scope))
        case .leave: return .leave
        case .next: return .next
        }
        return .done
    }

    func scope(of block: Block, in parent: Scope) -> Scope {
        Scope(in: parent, hiding: hidden[block.frame])
    }

    private func write(_ units: [UInt32]) throws {
        try spend(units.count / 16)
        guard output.count + units.count <= limits.outputBytes else {
            throw limit("the text has more than \(limits.outputBytes) bytes")
        }
        output += units
    }

    /// The text that some statements write.
    func captured(_ work: () throws -> Flow) throws -> (text: Text, flow: Flow) {
        let outer = output
        output = []
        defer { output = outer }
        let flow = try work()
        return (try checked(Text(output)), flow)
    }

    private func apply(_ filter: Expression, to text: Text, _ scope: Scope) throws -> Value {
        let outer = capture
        capture = text
        defer { capture = outer }
        return try evaluate(filter, scope)
    }

    var captureValue: Value { .text(capture) }

    private func execute(_ statement: LoopStatement, _ scope: Scope) throws -> Flow {
        let sequence = try evaluate(statement.sequence, scope)
        var next = try takingNext(of: sequence)
        var length = try? count(of: sequence)
        if let test = statement.test {
            let source = next
            length = nil
            next = { [unowned self] in
                while let value = try source() {
                    try spend()
                    let inner = Scope(in: scope)
                    try store(value, in: statement.target, inner)
                    if try isTrue(evaluate(test, inner)) { return value }
                }
                return nil
            }
        }
        let loop = Loop(length: length, next)
        defer { loop.finish() }
        // Jinja2 notes an iteration at its end, which `break` and `continue` do not come to.
        var isComplete = false
        while let value = try loop.advance() {
            try spend()
            let inner = self.scope(of: statement.body, in: scope)
            inner.variables["loop"] = .loop(loop)
            try store(value, in: statement.target, inner)
            let flow = try execute(statement.body.body, inner)
            if flow == .done { isComplete = true }
            if flow == .leave { break }
        }
        guard !isComplete, let otherwise = statement.otherwise else { return .done }
        return try execute(otherwise.body, self.scope(of: otherwise, in: scope))
    }

    // MARK: - Variables

    func value(of name: String, _ scope: Scope) -> Value {
        var current: Scope? = scope
        while let scope = current {
            if let found = scope.variables[name] { return found ?? undefined(name) }
            current = scope.parent
        }
        return globals[name] ?? Function(rawValue: name).map(Value.function) ?? undefined(name)
    }

    private func undefined(_ name: String) -> Value {
        .undefined("\(shownName(name)) is undefined")
    }

    /// Only a namespace can have attributes set, which is looked at before the value is made.
    private func check(_ target: Target, _ scope: Scope) throws {
        switch target {
        case .name: break
        case .attribute(let name, _):
            guard case .namespace = value(of: name, scope) else {
                throw failure("\(shownName(name)) is no namespace, so nothing can be set in it")
            }
        case .tuple(let targets): for target in targets { try check(target, scope) }
        }
    }

    func store(_ value: Value, in target: Target, _ scope: Scope) throws {
        switch target {
        case .name(let name): scope.variables[name] = .some(value)
        case .attribute(let name, let attribute):
            guard case .namespace(let namespace) = self.value(of: name, scope) else {
                throw failure("\(shownName(name)) is no namespace, so nothing can be set in it")
            }
            try set(attribute: .text(attribute), to: value, in: namespace)
        case .tuple(let targets):
            let items = try self.items(of: value)
            guard items.count == targets.count else {
                throw failure(
                    "\(items.count) values cannot be stored in \(targets.count) names")
            }
            for (item, target) in zip(items, targets) { try store(item, in: target, scope) }
        }
    }

    func set(attribute: Value, to value: Value, in namespace: Namespace) throws {
        if case .text(let name) = attribute, name.string.hasPrefix("_") {
            throw failure("an attribute of a namespace cannot begin with \"_\"")
        }
        try set(attribute, to: value, in: &namespace.attributes)
    }
}
