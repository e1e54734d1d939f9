// Which variables a block hides from its start, although it sets them only later.
//
// Jinja2 decides at compile time where each name of a block comes from. A name that is first set
// and that no block around it mentions has no value until then, even where the messages' variables
// have one. Source of the rules: Jinja2 3.1.6, idtracking.py.

/// Finds the hidden names of every frame of a template.
struct ScopeAnalysis {
    /// For each frame the names that have no value at its start.
    private(set) var hidden: [[String]]

    init(_ body: [Statement], frames: Int) throws {
        hidden = Array(repeating: [], count: frames)
        try analyze(body, frame: 0, Symbols(parent: nil))
    }

    /// Where a name of a frame has its value from.
    private enum Source {
        case parameter
        /// The variables given to the render.
        case context
        case outer
        case nothing
    }

    private final class Symbols {
        let parent: Symbols?
        var sources: [String: Source] = [:]
        var stored: Set<String> = []

        init(parent: Symbols?) { self.parent = parent }

        func copy() -> Symbols {
            let copy = Symbols(parent: parent)
            copy.sources = sources
            copy.stored = stored
            return copy
        }

        func knows(_ name: String) -> Bool {
            var symbols: Symbols? = self
            while let current = symbols {
                if current.sources[name] != nil { return true }
                symbols = current.parent
            }
            return false
        }

        func load(_ name: String) {
            if !knows(name) { sources[name] = .context }
        }

        func store(_ name: String) {
            stored.insert(name)
            if sources[name] == nil {
                sources[name] = parent?.knows(name) == true ? .outer : .nothing
            }
        }

        func declare(_ name: String) {
            stored.insert(name)
            sources[name] = .parameter
        }

        func merge(_ branches: [Symbols]) {
            var added: Set<String> = []
            for branch in branches { added.formUnion(branch.stored) }
            added.subtract(stored)
            for branch in branches {
                sources.merge(branch.sources) { $1 }
                stored.formUnion(branch.stored)
            }
            for name in added {
                sources[name] = parent?.knows(name) == true ? .outer : .context
            }
        }
    }

    private mutating func analyze(
        _ body: [Statement], frame: Int, _ symbols: Symbols, isInLoop: Bool = false
    ) throws {
        try visit(body, symbols, isInLoop)
        hidden[frame] = symbols.sources.filter { $0.value == .nothing }.map(\.key)
        try enter(body, symbols, isInLoop)
    }

    // MARK: - The names of one frame

    private func visit(_ body: [Statement], _ symbols: Symbols, _ isInLoop: Bool) throws {
        for statement in body {
            switch statement.form {
            case .data, .leave, .next, .generation: break
            case .print(let expression): load(expression, symbols)
            case .conditional(let branches, let otherwise):
                try visit(branches, otherwise, symbols, isInLoop)
            case .loop(let loop): load(loop.sequence, symbols)
            case .set(let target, let value):
                load(value, symbols)
                try store(target, symbols, isInLoop, statement.line)
            case .setBlock(let target, _, _):
                try store(target, symbols, isInLoop, statement.line)
            case .macro(let macro): if let name = macro.name { symbols.store(name) }
            case .call(_, let call): load(call, symbols)
            case .filter(let filter, _): load(filter, symbols)
            case .with(let pairs, _): for pair in pairs { load(pair.value, symbols) }
            }
        }
    }

    /// Jinja2 holds each `elif` for a condition of its own whose body comes second.
    private func visit(
        _ branches: [(test: Expression, body: [Statement])], _ otherwise: [Statement],
        _ symbols: Symbols, _ isInLoop: Bool
    ) throws {
        guard let first = branches.first else { return }
        load(first.test, symbols)
        let body = symbols.copy()
        try visit(first.body, body, isInLoop)
        let others = symbols.copy()
        for branch in branches.dropFirst() {
            load(branch.test, others)
            let inner = others.copy()
            try visit(branch.body, inner, isInLoop)
            others.merge([inner, others.copy(), others.copy()])
        }
        let last = symbols.copy()
        try visit(otherwise, last, isInLoop)
        symbols.merge([body, others, last])
    }

    private func load(_ expression: Expression, _ symbols: Symbols) {
        if case .name(let name) = expression.form { symbols.load(name) }
        for child in expression.form.children { load(child, symbols) }
    }

    private func store(
        _ target: Target, _ symbols: Symbols, _ isInLoop: Bool, _ line: Int,
        asParameter: Bool = false
    ) throws {
        switch target {
        case .name(let name):
            if isInLoop, name == "loop" {
                throw TemplateError(
                    .template, line: line, "a value cannot be stored in \"loop\" inside a loop")
            }
            if asParameter { symbols.declare(name) } else { symbols.store(name) }
        case .attribute(let name, _): symbols.load(name)
        case .tuple(let targets):
            for target in targets {
                try store(target, symbols, isInLoop, line, asParameter: asParameter)
            }
        }
    }

    // MARK: - The frames inside

    private mutating func enter(
        _ body: [Statement], _ symbols: Symbols, _ isInLoop: Bool
    ) throws {
        for statement in body {
            let inner = Symbols(parent: symbols)
            switch statement.form {
            case .data, .print, .set, .leave, .next: break
            case .conditional(let branches, let otherwise):
                for branch in branches { try enter(branch.body, symbols, isInLoop) }
                try enter(otherwise, symbols, isInLoop)
            case .loop(let loop):
                if !NameUse.names(["loop"], in: loop.body.body).isEmpty { inner.declare("loop") }
                try store(loop.target, inner, true, statement.line, asParameter: true)
                try analyze(loop.body.body, frame: loop.body.frame, inner, isInLoop: true)
                if let otherwise = loop.otherwise {
                    try analyze(
                        otherwise.body, frame: otherwise.frame, Symbols(parent: symbols),
                        isInLoop: true)
                }
            case .setBlock(_, _, let block), .filter(_, let block), .generation(let block):
                try analyze(block.body, frame: block.frame, inner, isInLoop: isInLoop)
            case .macro(let macro), .call(let macro, _):
                for name in macro.parameters + macro.specials { inner.declare(name) }
                for value in macro.defaults { load(value, inner) }
                try analyze(macro.block.body, frame: macro.block.frame, inner, isInLoop: isInLoop)
            case .with(let pairs, let block):
                for pair in pairs {
                    try store(pair.target, inner, false, statement.line, asParameter: true)
                }
                try analyze(block.body, frame: block.frame, inner, isInLoop: isInLoop)
            }
        }
    }
}

/// Which of some names statements read that they have not set before.
struct NameUse {
    private var wanted: Set<String>
    private var found: Set<String> = []

    static func names(_ names: Set<String>, in body: [Statement]) -> Set<String> {
        var use = NameUse(wanted: names)
        use.visit(body)
        return use.found
    }

    private init(wanted: Set<String>) { self.wanted = wanted }

    private mutating func visit(_ body: [Statement]) {
        for statement in body {
            switch statement.form {
            case .data, .leave, .next: break
            case .print(let expression): visit(expression)
            case .conditional(let branches, let otherwise):
                for branch in branches {
                    visit(branch.test)
                    visit(branch.body)
                }
                visit(otherwise)
            case .loop(let loop):
                visit(loop.target)
                visit(loop.sequence)
                visit(loop.body.body)
                visit(loop.otherwise?.body ?? [])
                if let test = loop.test { visit(test) }
            case .set(let target, let value):
                visit(target)
                visit(value)
            case .setBlock(let target, let filter, let block):
                visit(target)
                if let filter { visit(filter) }
                visit(block.body)
            case .macro(let macro): visit(macro)
            case .call(let macro, let call):
                visit(call)
                visit(macro)
            case .filter(let filter, let block):
                visit(block.body)
                visit(filter)
            case .with(let pairs, let block):
                for pair in pairs { visit(pair.target) }
                for pair in pairs { visit(pair.value) }
                visit(block.body)
            case .generation(let block): visit(block.body)
            }
        }
    }

    private mutating func visit(_ macro: MacroDefinition) {
        wanted.subtract(macro.parameters)
        for value in macro.defaults { visit(value) }
        visit(macro.block.body)
    }

    private mutating func visit(_ expression: Expression) {
        if case .name(let name) = expression.form, wanted.contains(name) { found.insert(name) }
        for child in expression.form.children { visit(child) }
    }

    private mutating func visit(_ target: Target) {
        switch target {
        case .name(let name): wanted.remove(name)
        case .attribute: break
        case .tuple(let targets): for target in targets { visit(target) }
        }
    }
}
