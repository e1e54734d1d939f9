internal import EPASArray

/// The shapes of a compiled program's parameters.
///
/// PJRT has no function that lists them, but the compiler's own form of the program states them:
/// fields `host_program_shape` of `HloModuleProto` and `parameters` of `ProgramShapeProto`
/// (<https://github.com/openxla/xla/blob/f4d624b6811c/xla/xla_data.proto>).
enum ProgramSignature {
    /// Returns the parameters' shapes; `nil` if the message does not state them in a form that we
    /// know, and then the plugin's own checks have to do.
    ///
    /// - Parameter format: The plugin's name for the message's type.
    static func parameters(
        of message: UnsafeRawBufferPointer, format: String
    ) -> [Shape]? {
        do throws(ProtobufReader.Malformed) {
            switch format {
            case "hlo": return try parameters(ofModule: message)
            case "hlo_with_config":
                guard let module = try first(1, in: message) else { return nil }
                return try parameters(ofModule: module)
            default: return nil
            }
        } catch {
            return nil
        }
    }

    private static func parameters(
        ofModule module: UnsafeRawBufferPointer
    ) throws(ProtobufReader.Malformed) -> [Shape]? {
        guard let signature = try first(4, in: module) else { return nil }
        var reader = ProtobufReader(signature)
        var shapes: [Shape] = []
        while let (field, value) = try reader.next() {
            guard field == 1, case .data(let message) = value else { continue }
            guard let shape = try shape(message) else { return nil }
            shapes.append(shape)
        }
        return shapes
    }

    /// Reads a `ShapeProto`; `nil` if it is not an array of a type that we use.
    private static func shape(
        _ message: UnsafeRawBufferPointer
    ) throws(ProtobufReader.Malformed) -> Shape? {
        var reader = ProtobufReader(message)
        var elementType: ElementType?
        var dimensions: [UInt64] = []
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (2, .integer(let code)): elementType = ElementType(xlaType: code)
            case (3, .integer(let dimension)): dimensions.append(dimension)
            case (3, .data(let packed)):
                var list = ProtobufReader(packed)
                dimensions += try list.remainingIntegers()
            default: break
            }
        }
        guard let elementType, dimensions.allSatisfy({ $0 <= UInt64(Int32.max) }) else {
            return nil
        }
        return Shape(elementType, dimensions.map { Int($0) })
    }

    private static func first(
        _ wanted: Int, in message: UnsafeRawBufferPointer
    ) throws(ProtobufReader.Malformed) -> UnsafeRawBufferPointer? {
        var reader = ProtobufReader(message)
        while let (field, value) = try reader.next() {
            if field == wanted, case .data(let data) = value { return data }
        }
        return nil
    }
}

extension ElementType {
    /// The type with that code in XLA's enumeration `PrimitiveType`, which is not PJRT's.
    fileprivate init?(xlaType: UInt64) {
        switch xlaType {
        case 1: self = .bool
        case 2: self = .int8
        case 4: self = .int32
        case 5: self = .int64
        case 6: self = .uint8
        case 8: self = .uint32
        case 9: self = .uint64
        case 10: self = .float16
        case 11: self = .float32
        case 12: self = .float64
        case 16: self = .bfloat16
        default: return nil
        }
    }
}
