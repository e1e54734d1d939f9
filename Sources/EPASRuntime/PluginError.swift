/// A plugin that could not be found or loaded.
package enum PluginError: Error, Hashable, Sendable {
    /// No file where the choice says it should be.
    case notFound(what: String, searched: [String], remedy: String)
    /// The dynamic linker refused the file; the reason is its own.
    case cannotOpen(path: String, reason: String)
    /// A library without PJRT's entry point.
    case notAPlugin(path: String)
    /// A plugin of another major version of the C interface.
    case wrongVersion(path: String, found: String, expected: String)
}

extension PluginError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notFound(let what, let searched, let remedy):
            "\(what) was not found in \(searched.joined(separator: ", ")). \(remedy)"
        case .cannotOpen(let path, let reason):
            "The plugin \(path) cannot be loaded: \(reason). "
                + "Check that the file is complete and that the libraries it needs are installed."
        case .notAPlugin(let path):
            "\(path) is a library but not a PJRT plugin (it has no function GetPjrtApi). "
                + "Set runtime.plugin to cpu, cuda or a plugin's path."
        case .wrongVersion(let path, let found, let expected):
            "The plugin \(path) has version \(found) of PJRT's C interface, but this program "
                + "needs \(expected).x. Install a plugin of that version."
        }
    }
}
