/// An expression of a template.
final class Expression: Sendable {
    enum Constant: Sendable {
        case none
        case boolean(Bool)
        case integer(Int)
        case float(Double)
        case text(Text)
    }

    enum Form: Sendable {
        case constant(Constant)
        case name(String)
        case list([Expression])
        case tuple([Expression])
        case dictionary([(key: Expression, value: Expression)])
        case unary(UnaryOperator, Expression)
        case binary(BinaryOperator, Expression, Expression)
        case comparison(Expression, [(relation: Comparison, operand: Expression)])
        case concatenation([Expression])
        case conditional(test: Expression, then: Expression, otherwise: Expression?)
        case attribute(Expression, String)
        case item(Expression, Expression)
        case slice(Expression, start: Expression?, stop: Expression?, step: Expression?)
        case call(Expression, CallArguments)
        case filter(Expression, String, CallArguments)
        case test(Expression, String, CallArguments)
        /// The text that a filter block or a block set has rendered.
        case capture
    }

    let form: Form
    let line: Int
    /// Expressions inside each other.
    let depth: Int
    /// Whether no variable decides the value.
    let isConstant: Bool
    /// Whether a slice of a constant is inside, which Jinja2 works out when it reads the template,
    /// with what is around it as far as no variable is needed.
    let holdsConstantSlice: Bool

    init(_ form: Form, line: Int) {
        self.form = form
        self.line = line
        let children = form.children
        depth = (children.lazy.map(\.depth).max() ?? 0) + 1
        isConstant = !form.isVariable && children.allSatisfy(\.isConstant)
        holdsConstantSlice =
            isConstant && form.isSlice || children.contains(where: \.holdsConstantSlice)
    }
}

extension Expression.Form {
    fileprivate var isSlice: Bool {
        if case .slice = self { true } else { false }
    }

    var isVariable: Bool {
        switch self {
        case .name, .call, .capture: true
        case .filter(_, let name, _):
            ["map", "select", "reject", "selectattr", "rejectattr"].contains(name)
        default: false
        }
    }

    /// The expressions inside, in the order in which Jinja2's visitors see them.
    var children: [Expression] {
        switch self {
        case .constant, .name, .capture: []
        case .list(let items), .tuple(let items), .concatenation(let items): items
        case .dictionary(let pairs): pairs.flatMap { [$0.key, $0.value] }
        case .unary(_, let operand): [operand]
        case .binary(_, let left, let right): [left, right]
        case .comparison(let first, let others): [first] + others.map(\.operand)
        case .conditional(let test, let then, let otherwise):
            [test, then] + (otherwise.map { [$0] } ?? [])
        case .attribute(let object, _): [object]
        case .item(let object, let key): [object, key]
        case .slice(let object, let start, let stop, let step):
            [object] + [start, stop, step].compactMap(\.self)
        case .call(let callee, let arguments): [callee] + arguments.expressions
        case .filter(let input, _, let arguments), .test(let input, _, let arguments):
            [input] + arguments.expressions
        }
    }
}

enum UnaryOperator: String, Sendable {
    case not
    case minus = "-"
    case plus = "+"
}

enum BinaryOperator: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case modulo = "%"
    case power = "**"
    case and
    case or
}

enum Comparison: String, Sendable {
    case equal = "=="
    case unequal = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case isIn = "in"
    case isNotIn = "not in"
}

/// What stands in the parentheses of a call.
struct CallArguments: Sendable {
    var positional: [Expression] = []
    var named: [(name: String, value: Expression)] = []
    /// After `*` and `**`.
    var morePositional: Expression?
    var moreNamed: Expression?

    var expressions: [Expression] {
        positional + named.map(\.value) + [morePositional, moreNamed].compactMap(\.self)
    }
}
