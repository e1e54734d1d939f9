/// A setting that cannot be used, and what to write instead.
package struct ConfigError: Error, Hashable, Sendable {
    /// The setting's path in the run file, such as `sharing.growth`.
    package let key: String
    /// What is wrong, with the value that was read.
    package let problem: String
    /// What to change.
    package let remedy: String

    package init(_ key: String, _ problem: String, remedy: String) {
        self.key = key
        self.problem = problem
        self.remedy = remedy
    }
}

extension ConfigError: CustomStringConvertible {
    package var description: String { "\(key): \(problem). \(remedy)" }
}
