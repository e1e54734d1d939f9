/// An array's element type and dimensions, row-major.
package struct Shape: Hashable, Sendable, Codable {
    package let elementType: ElementType
    package let dimensions: [Int]

    /// - Precondition: no dimension is negative. Dimensions that come from a file are checked by
    ///   its reader, which can say what is wrong with the file.
    package init(_ elementType: ElementType, _ dimensions: [Int]) {
        precondition(dimensions.allSatisfy { $0 >= 0 }, "negative dimension in \(dimensions)")
        self.elementType = elementType
        self.dimensions = dimensions
    }

    /// A shape of no dimensions, one element.
    package static func scalar(_ elementType: ElementType) -> Shape { Shape(elementType, []) }

    package var rank: Int { dimensions.count }
    package var elementCount: Int { dimensions.reduce(1, *) }
    package var byteCount: Int { elementCount * elementType.byteCount }

    /// The same dimensions with another element type.
    package func with(_ elementType: ElementType) -> Shape { Shape(elementType, dimensions) }
}

extension Shape: CustomStringConvertible {
    /// Such as `float32[4, 512, 768]`.
    package var description: String {
        "\(elementType)[\(dimensions.map(String.init).joined(separator: ", "))]"
    }
}
