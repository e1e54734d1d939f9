/// A tokenizer that cannot be read or trained, and what to do about it.
package struct TokenizerError: Error, Hashable, Sendable {
    /// What is wrong, with the file's name where there is one.
    package let problem: String
    /// What to do.
    package let remedy: String

    package init(_ problem: String, remedy: String) {
        self.problem = problem
        self.remedy = remedy
    }
}

extension TokenizerError: CustomStringConvertible {
    package var description: String { "\(problem). \(remedy)" }
}
