/// A task that cannot be evaluated, and what to do.
package struct EvaluationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file, or the task's name.
    package let source: String
    /// The line of the file, from 1, where one is to blame.
    package let line: Int?
    package let problem: String
    package let remedy: String

    package init(_ source: String, line: Int? = nil, _ problem: String, remedy: String) {
        self.source = source
        self.line = line
        self.problem = problem
        self.remedy = remedy
    }

    package var description: String {
        "\(source)\(line.map { ", line \($0)" } ?? ""): \(problem). \(remedy)"
    }
}
