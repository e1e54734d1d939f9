package import EPASArray

/// A program argument. It prints in the signature of `main`.
struct Parameter: Nondifferentiable {
    let label: String
    let shape: Shape

    var name: String { "parameter" }
    // Each parameter is a node of its own.
    var isPure: Bool { false }

    func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape { shape }
}

/// A constant. The text of its elements is `elements`.
package struct Constant: Nondifferentiable {
    let shape: Shape
    let elements: String

    package var name: String { "stablehlo.constant" }
    package var attributes: String { "value = dense<\(elements)> : \(shape.text)" }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape { shape }
}

extension Graph {
    /// A tensor whose elements all are `value`, rounded to the shape's element type.
    ///
    /// An integer type must be able to hold `value` exactly; a `bool` takes 0 or 1.
    package func constant(_ value: Double, _ shape: Shape) -> Tensor {
        let literal: String?
        switch shape.elementType {
        case .bool: literal = value == 0 ? "false" : value == 1 ? "true" : nil
        case .int8: literal = Int8(exactly: value).map { "\($0)" }
        case .int32: literal = Int32(exactly: value).map { "\($0)" }
        case .int64: literal = Int64(exactly: value).map { "\($0)" }
        case .uint8: literal = UInt8(exactly: value).map { "\($0)" }
        case .uint32: literal = UInt32(exactly: value).map { "\($0)" }
        case .uint64: literal = UInt64(exactly: value).map { "\($0)" }
        case .float16: literal = Text.literal(Float16(value))
        case .bfloat16: literal = Text.literal(BFloat16(Float(value)))
        case .float32: literal = Text.literal(Float(value))
        case .float64: literal = Text.literal(value)
        }
        guard let literal else {
            fatalError("A constant of type \(shape.elementType) cannot hold \(value).")
        }
        let elements = shape.elementCount == 0 ? "" : literal
        return append(Constant(shape: shape, elements: elements))
    }

    /// A tensor with the elements of `array`, which become part of the program text: keep it
    /// small, and pass what is large as a parameter.
    package func constant(_ array: HostArray) -> Tensor {
        append(Constant(shape: array.shape, elements: array.literal))
    }

    /// A tensor that counts 0, 1, 2, … along one axis.
    package func iota(_ shape: Shape, along axis: Int) -> Tensor {
        append(Iota(shape: shape, axis: axis))
    }
}

/// Counts along one axis. Specification: <https://openxla.org/stablehlo/spec#iota>
package struct Iota: Nondifferentiable {
    let shape: Shape
    let axis: Int

    package init(shape: Shape, axis: Int) {
        self.shape = shape
        self.axis = axis
    }

    package var name: String { "stablehlo.iota" }
    package var attributes: String { "iota_dimension = \(axis) : i64" }

    package func resultShape(_ operands: [Shape]) throws(ShapeError) -> Shape {
        guard shape.dimensions.indices.contains(axis), shape.elementType != .bool else {
            throw error([shape], "a numeric shape that has axis \(axis)")
        }
        return shape
    }
}

extension HostArray {
    /// The body of an MLIR `dense<…>`.
    fileprivate var literal: String {
        switch shape.elementType {
        case .bool: nested(elements(as: Bool.self).map { $0 ? "true" : "false" })
        case _ where shape.elementCount > 64: "\"0x\(hexadecimalBytes)\""
        case .int8: nested(elements(as: Int8.self).map(String.init))
        case .int32: nested(elements(as: Int32.self).map(String.init))
        case .int64: nested(elements(as: Int64.self).map(String.init))
        case .uint8: nested(elements(as: UInt8.self).map(String.init))
        case .uint32: nested(elements(as: UInt32.self).map(String.init))
        case .uint64: nested(elements(as: UInt64.self).map(String.init))
        case .float16: nested(elements(as: Float16.self).map { Text.literal($0) })
        case .bfloat16: nested(elements(as: BFloat16.self).map { Text.literal($0) })
        case .float32: nested(elements(as: Float.self).map { Text.literal($0) })
        case .float64: nested(elements(as: Double.self).map { Text.literal($0) })
        }
    }

    /// The elements in one pair of brackets per dimension.
    private func nested(_ elements: [String]) -> String {
        guard !elements.isEmpty else { return "" }
        var parts = elements
        for dimension in shape.dimensions.reversed() {
            parts = stride(from: 0, to: parts.count, by: dimension).map {
                "[" + parts[$0..<$0 + dimension].joined(separator: ", ") + "]"
            }
        }
        return parts[0]
    }

    private var hexadecimalBytes: String {
        // MLIR reads the bytes in little-endian order, which is the host's on every machine
        // that a plugin exists for.
        let digits = Array("0123456789ABCDEF".utf8)
        return withUnsafeBytes { bytes in
            String(unsafeUninitializedCapacity: 2 * bytes.count) { text in
                for (index, byte) in bytes.enumerated() {
                    text[2 * index] = digits[Int(byte >> 4)]
                    text[2 * index + 1] = digits[Int(byte & 15)]
                }
                return 2 * bytes.count
            }
        }
    }
}
