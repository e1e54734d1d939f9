package import EPASArray

/// One operation: its shape rule, its StableHLO text, and its derivative.
///
/// Everything the rest of the package needs to know about an operation is in the conforming type.
/// There is no registry: an operation without a derivative does not compile. One that is known to
/// have none conforms to ``Nondifferentiable`` and thereby says so.
///
/// Most operations have one result and conform to ``SingleResultOperation``.
package protocol Operation: Sendable {
    /// The StableHLO name, such as `stablehlo.transpose`.
    var name: String { get }

    /// The property dictionary's body, such as `permutation = array<i64: 1, 0>`.
    var attributes: String { get }

    /// The text of the operation's regions, without the parentheses; empty where it has none.
    ///
    /// Block arguments and values in it may use the names in ``Region/reservedNames``.
    func regions(_ operands: [Shape]) -> String

    /// Whether an equal operation on equal operands may stand for this one.
    var isPure: Bool { get }

    /// Infers the results' shapes, or says what the operands must satisfy.
    func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape]

    /// Pulls cotangents back to the operands (vector-Jacobian product).
    ///
    /// - Parameters:
    ///   - cotangents: For each result the loss's derivative with respect to it, of its shape;
    ///     `nil` where the loss does not depend on it. At least one is not `nil`.
    ///   - results: This operation's own results, for rules that reuse them.
    ///   - operands: The operands it was applied to.
    /// - Returns: One entry per operand, of that operand's shape; `nil` where the derivative is
    ///   identically zero.
    func pullback(
        _ cotangents: [Tensor?], results: [Tensor], operands: [Tensor]
    ) -> [Tensor?]
}

extension Operation {
    package var attributes: String { "" }
    package var isPure: Bool { true }
    package func regions(_ operands: [Shape]) -> String { "" }

    /// The error of this operation for these operands.
    func error(_ operands: [Shape], _ requirement: String) -> ShapeError {
        ShapeError(operation: name, operands: operands, requirement: requirement)
    }
}

/// An operation with exactly one result.
package protocol SingleResultOperation: Operation {
    /// Infers the result's shape, or says what the operands must satisfy.
    func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape

    /// Pulls a cotangent back to the operands.
    ///
    /// - Parameters:
    ///   - cotangent: The loss's derivative with respect to `result`, of `result`'s shape.
    ///   - result: This operation's own result, for rules that reuse it.
    ///   - operands: The operands it was applied to.
    /// - Returns: One entry per operand, of that operand's shape; `nil` where the derivative is
    ///   identically zero.
    func pullback(_ cotangent: Tensor, result: Tensor, operands: [Tensor]) -> [Tensor?]
}

extension SingleResultOperation {
    package func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        [try resultShape(operands)]
    }

    package func pullback(
        _ cotangents: [Tensor?], results: [Tensor], operands: [Tensor]
    ) -> [Tensor?] {
        guard let cotangent = cotangents[0] else { return operands.map { _ in nil } }
        return pullback(cotangent, result: results[0], operands: operands)
    }
}

/// An operation whose derivative is zero or undefined everywhere: no gradient passes it.
package protocol Nondifferentiable: SingleResultOperation {}

extension Nondifferentiable {
    package func pullback(_ cotangent: Tensor, result: Tensor, operands: [Tensor]) -> [Tensor?] {
        operands.map { _ in nil }
    }
}

/// An operation that exists for the reverse sweep only: its result is its operand.
protocol PassThrough: SingleResultOperation {}
