/// A chat template that cannot be read or rendered, and where.
package struct TemplateError: Error, Hashable, Sendable {
    /// Who has to change something.
    package enum Cause: Hashable, Sendable {
        /// The template is not of the language, or does something that has no meaning.
        case template
        /// The template itself refused the messages, with `raise_exception`.
        case messages
        /// The template or the messages ask for more than a render may take.
        case limit
    }

    package let cause: Cause
    /// Line of the template, from 1; nil where no line is to blame.
    package let line: Int?
    /// What is wrong, without a full stop.
    package let problem: String

    package init(_ cause: Cause, line: Int?, _ problem: String) {
        self.cause = cause
        self.line = line
        self.problem = problem
    }
}

extension TemplateError: CustomStringConvertible {
    package var description: String {
        let place = line.map { " in line \($0)" } ?? ""
        return switch cause {
        case .template: "The chat template fails\(place): \(problem)."
        case .messages: "The chat template refuses the messages\(place): \(problem)."
        case .limit: "The chat template was stopped\(place): \(problem)."
        }
    }
}
