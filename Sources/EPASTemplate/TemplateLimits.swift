/// What reading and rendering a template may take. Templates come from model folders and messages
/// from the network, so each is bounded; a bound that is reached is an error.
package struct TemplateLimits: Hashable, Sendable {
    /// Bytes of a template.
    package var sourceBytes = 1 << 20
    /// Expressions inside expressions, and blocks inside blocks, of a template.
    package var syntaxDepth = 100
    /// Expressions, statements, and values or sixteen characters made, in one render.
    package var steps = 5_000_000
    /// Expressions, statements and macros inside each other while rendering.
    package var depth = 250
    /// Lists and dictionaries inside each other.
    package var valueDepth = 100
    /// Characters of one string.
    package var characters = 1 << 22
    /// Bytes of the rendered text.
    package var outputBytes = 1 << 24
    /// Numbers in a `range`; Jinja's sandbox has the same.
    package var rangeCount = 100_000

    package init() {}
}
