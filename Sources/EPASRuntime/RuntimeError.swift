package import EPASArray

/// A request that is refused before it reaches the plugin.
package enum RuntimeError: Error, Hashable, Sendable {
    /// An option outside its range; the text says which values work.
    case unusableOption(String)
    case noSuchDevice(index: Int, count: Int)
    /// A buffer made by another client than the program's.
    case foreignBuffer(index: Int)
    case wrongArgumentCount(given: Int, expected: Int)
    case wrongArgument(index: Int, given: Shape, expected: Shape)
}

extension RuntimeError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unusableOption(let text): text
        case .noSuchDevice(let index, let count):
            "There is no device \(index): the plugin has \(count), counted from 0."
        case .foreignBuffer(let index):
            "Argument \(index) of the program belongs to another client. "
                + "Upload it with the client that compiled the program."
        case .wrongArgumentCount(let given, let expected):
            "The program takes \(expected) arguments but was given \(given)."
        case .wrongArgument(let index, let given, let expected):
            "Argument \(index) of the program is \(expected) but was given \(given)."
        }
    }
}
