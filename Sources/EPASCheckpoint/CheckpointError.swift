import EPASJSON
import Foundation

/// A file or folder of a checkpoint that cannot be used or written, and what to do.
package struct CheckpointError: Error, Hashable, Sendable {
    /// The file or folder: its path, or its name inside a checkpoint.
    package let file: String
    /// One clause per problem.
    package let problems: [String]
    package let remedy: String

    package init(_ file: String, _ problems: [String], remedy: String) {
        self.file = file
        self.problems = problems
        self.remedy = remedy
    }

    package init(_ file: String, _ problem: String, remedy: String) {
        self.init(file, [problem], remedy: remedy)
    }
}

extension CheckpointError: CustomStringConvertible {
    package var description: String {
        "\(file): \(problems.joined(separator: "; ")). \(remedy)"
    }
}

/// Names for an error's text: quoted, the first few of many.
func listed(_ names: some Collection<String>, limit: Int = 8) -> String {
    var text = names.prefix(limit).map { "\"\(shown($0))\"" }.joined(separator: ", ")
    if names.count > limit { text += " and \(names.count - limit) more" }
    return text
}

/// Why a call of Foundation failed, as a clause.
func cause(of error: any Error) -> String {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    if let underlying, underlying.domain == NSPOSIXErrorDomain {
        return String(cString: strerror(Int32(truncatingIfNeeded: underlying.code)))
    }
    let text = error.localizedDescription
    return text.hasSuffix(".") ? String(text.dropLast()) : text
}
