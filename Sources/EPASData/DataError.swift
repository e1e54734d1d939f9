/// Data that cannot be prepared or read, and what to do about it.
package struct DataError: Error, Hashable, Sendable {
    /// What is wrong, with the file's name where there is one.
    package let problem: String
    /// What to do.
    package let remedy: String

    package init(_ problem: String, remedy: String) {
        self.problem = problem
        self.remedy = remedy
    }
}

extension DataError: CustomStringConvertible {
    package var description: String { "\(problem). \(remedy)" }
}
