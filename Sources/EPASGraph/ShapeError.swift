package import EPASArray

/// Operands that an operation cannot be applied to.
package struct ShapeError: Error, Hashable, Sendable {
    /// The operation's StableHLO name.
    package let operation: String
    package let operands: [Shape]
    /// What the operation needs, as the object of "requires".
    package let requirement: String

    package init(operation: String, operands: [Shape], requirement: String) {
        self.operation = operation
        self.operands = operands
        self.requirement = requirement
    }
}

extension ShapeError: CustomStringConvertible {
    package var description: String {
        let got = operands.isEmpty ? "no operands" : operands.map(\.text).joined(separator: ", ")
        return "\(operation) requires \(requirement); got \(got)"
    }
}
