/// The type of an array's elements.
package enum ElementType: String, Hashable, Sendable, CaseIterable, Codable {
    case bool
    case int8, int32, int64
    case uint8, uint32, uint64
    case float16, bfloat16, float32, float64

    /// Bytes per element; a `bool` takes one.
    package var byteCount: Int {
        switch self {
        case .bool, .int8, .uint8: 1
        case .float16, .bfloat16: 2
        case .int32, .uint32, .float32: 4
        case .int64, .uint64, .float64: 8
        }
    }

    package var isFloatingPoint: Bool {
        switch self {
        case .float16, .bfloat16, .float32, .float64: true
        default: false
        }
    }

    package var isInteger: Bool { self != .bool && !isFloatingPoint }
}

/// A Swift type that is the host's form of an ``ElementType``.
package protocol HostElement: BitwiseCopyable, Sendable {
    static var elementType: ElementType { get }
}

extension Bool: HostElement { package static var elementType: ElementType { .bool } }
extension Int8: HostElement { package static var elementType: ElementType { .int8 } }
extension Int32: HostElement { package static var elementType: ElementType { .int32 } }
extension Int64: HostElement { package static var elementType: ElementType { .int64 } }
extension UInt8: HostElement { package static var elementType: ElementType { .uint8 } }
extension UInt32: HostElement { package static var elementType: ElementType { .uint32 } }
extension UInt64: HostElement { package static var elementType: ElementType { .uint64 } }
extension Float16: HostElement { package static var elementType: ElementType { .float16 } }
extension BFloat16: HostElement { package static var elementType: ElementType { .bfloat16 } }
extension Float: HostElement { package static var elementType: ElementType { .float32 } }
extension Double: HostElement { package static var elementType: ElementType { .float64 } }
