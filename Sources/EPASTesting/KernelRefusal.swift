package import EPASArray
package import EPASGraph
package import Testing

/// Operands that a kernel must refuse, and what the requirement that it names must contain.
package struct KernelRefusal: Sendable, CustomTestStringConvertible {
    let kernel: any Kernel
    let operands: [Shape]
    let text: String

    package init(kernel: any Kernel, operands: [Shape], text: String) {
        self.kernel = kernel
        self.operands = operands
        self.text = text
    }

    package var testDescription: String { "\(kernel.target) \(operands)" }

    /// Records an issue unless the kernel refuses the operands in its own name, with the text.
    ///
    /// - Parameter isWhole: Whether the requirement must say nothing but the text.
    package func check(isWhole: Bool = false, sourceLocation: SourceLocation = #_sourceLocation) {
        let error = #expect(throws: ShapeError.self, sourceLocation: sourceLocation) {
            try kernel.resultShapes(operands)
        }
        #expect(error?.operation == kernel.target, sourceLocation: sourceLocation)
        let requirement = error?.requirement ?? ""
        #expect(
            isWhole ? requirement == text : requirement.contains(text),
            "\(String(describing: error))", sourceLocation: sourceLocation)
    }
}
