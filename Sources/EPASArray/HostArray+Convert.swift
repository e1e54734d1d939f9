extension HostArray {
    /// Returns the elements as numbers in double precision; `true` is 1.
    package func doubles() -> [Double] {
        switch shape.elementType {
        case .bool: elements(as: Bool.self).map { $0 ? 1 : 0 }
        case .int8: elements(as: Int8.self).map(Double.init)
        case .int32: elements(as: Int32.self).map(Double.init)
        case .int64: elements(as: Int64.self).map(Double.init)
        case .uint8: elements(as: UInt8.self).map(Double.init)
        case .uint32: elements(as: UInt32.self).map(Double.init)
        case .uint64: elements(as: UInt64.self).map { Double($0) }
        case .float16: elements(as: Float16.self).map(Double.init)
        case .bfloat16: elements(as: BFloat16.self).map { Double(Float($0)) }
        case .float32: elements(as: Float.self).map(Double.init)
        case .float64: elements(as: Double.self)
        }
    }

    /// Returns the array in another floating-point type, rounding to nearest even.
    ///
    /// - Precondition: both types are floating-point.
    package func converted(to elementType: ElementType) -> HostArray {
        if elementType == shape.elementType { return self }
        precondition(
            elementType.isFloatingPoint && shape.elementType.isFloatingPoint,
            "no conversion from \(shape.elementType) to \(elementType)")
        let values = doubles()
        return switch elementType {
        case .float16: HostArray(values.map { Float16($0) }, shape.dimensions)
        case .bfloat16: HostArray(values.map { BFloat16(Float($0)) }, shape.dimensions)
        case .float32: HostArray(values.map { Float($0) }, shape.dimensions)
        default: HostArray(values, shape.dimensions)
        }
    }
}
