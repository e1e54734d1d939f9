/// A statement of a template.
struct Statement: Sendable {
    indirect enum Form: Sendable {
        case data(Text)
        case print(Expression)
        case conditional([(test: Expression, body: [Statement])], otherwise: [Statement])
        case loop(LoopStatement)
        case set(Target, Expression)
        /// The body's text; `filter` begins with ``Expression/Form/capture``.
        case setBlock(Target, filter: Expression?, Block)
        case macro(MacroDefinition)
        case call(MacroDefinition, Expression)
        case filter(Expression, Block)
        case with([(target: Target, value: Expression)], Block)
        /// What transformers marks as the assistant's own text.
        case generation(Block)
        case leave
        case next
    }

    let form: Form
    let line: Int
}

/// Statements with variables of their own.
struct Block: Sendable {
    let body: [Statement]
    /// Number of the block's variables in ``ScopeAnalysis/hidden``.
    let frame: Int
}

struct LoopStatement: Sendable {
    let target: Target
    let sequence: Expression
    let test: Expression?
    let body: Block
    let otherwise: Block?
}

struct MacroDefinition: Sendable {
    /// Nil for the body of a call block.
    let name: String?
    /// The last of them have a default.
    let parameters: [String]
    let defaults: [Expression]
    let block: Block
    /// Which of `caller`, `kwargs` and `varargs` the body reads.
    let specials: Set<String>
}

/// Where a value is stored.
indirect enum Target: Sendable {
    case name(String)
    /// An attribute of a namespace.
    case attribute(String, String)
    case tuple([Target])
}
