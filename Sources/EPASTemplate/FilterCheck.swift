/// Finds filters and tests that do not exist, where Jinja2 finds them: when it reads the template,
/// but within conditions only when it comes to them. Source: Jinja2 3.1.6, compiler.py, "soft"
/// frames.
enum FilterCheck {
    static func check(_ body: [Statement], isSoft: Bool = false) throws {
        for statement in body { try check(statement, isSoft) }
    }

    private static func check(_ statement: Statement, _ isSoft: Bool) throws {
        switch statement.form {
        case .data, .leave, .next: break
        case .print(let expression), .set(_, let expression): try check(expression, isSoft)
        case .conditional(let branches, let otherwise):
            for branch in branches {
                try check(branch.test, true)
                try check(branch.body, isSoft: true)
            }
            try check(otherwise, isSoft: true)
        case .loop(let loop):
            try check(loop.sequence, isSoft)
            if let test = loop.test { try check(test, false) }
            try check(loop.body.body)
            try check(loop.otherwise?.body ?? [])
        case .setBlock(_, let filter, let block):
            if let filter { try check(filter, false) }
            try check(block.body)
        case .macro(let macro): try check(macro)
        case .call(let macro, let call):
            try check(macro)
            try check(call, isSoft)
        case .filter(let filter, let block):
            try check(filter, false)
            try check(block.body)
        case .with(let pairs, let block):
            for pair in pairs { try check(pair.value, isSoft) }
            try check(block.body)
        case .generation(let block): try check(block.body)
        }
    }

    private static func check(_ macro: MacroDefinition) throws {
        for value in macro.defaults { try check(value, false) }
        try check(macro.block.body)
    }

    private static func check(_ expression: Expression, _ isSoft: Bool) throws {
        var isSoft = isSoft
        switch expression.form {
        case .conditional: isSoft = true
        case .filter(_, let name, _):
            guard isSoft || Filters.names.contains(name) || Filters.others.contains(name) else {
                throw TemplateError(
                    .template, line: expression.line, "there is no filter \(shownName(name))")
            }
        case .test(_, let name, _):
            guard isSoft || Tests.names.contains(name) else {
                throw TemplateError(
                    .template, line: expression.line, "there is no test \(shownName(name))")
            }
        default: break
        }
        for child in expression.form.children { try check(child, isSoft) }
    }
}
