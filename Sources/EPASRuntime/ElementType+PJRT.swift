internal import CPJRT
internal import EPASArray

extension ElementType {
    /// PJRT's code for the type.
    var pjrtType: PJRT_Buffer_Type {
        switch self {
        case .bool: PJRT_Buffer_Type_PRED
        case .int8: PJRT_Buffer_Type_S8
        case .int32: PJRT_Buffer_Type_S32
        case .int64: PJRT_Buffer_Type_S64
        case .uint8: PJRT_Buffer_Type_U8
        case .uint32: PJRT_Buffer_Type_U32
        case .uint64: PJRT_Buffer_Type_U64
        case .float16: PJRT_Buffer_Type_F16
        case .bfloat16: PJRT_Buffer_Type_BF16
        case .float32: PJRT_Buffer_Type_F32
        case .float64: PJRT_Buffer_Type_F64
        }
    }

    /// The type with that PJRT code, or `nil` for one that we do not use.
    init?(pjrtType: PJRT_Buffer_Type) {
        guard let match = Self.allCases.first(where: { $0.pjrtType == pjrtType }) else {
            return nil
        }
        self = match
    }
}
