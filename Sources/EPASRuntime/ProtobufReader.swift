// The wire format of protocol buffers, as far as compiled programs need it:
// <https://protobuf.dev/programming-guides/encoding/>

/// Reads a protocol buffer message, field by field, without copying it.
///
/// Every length is checked against what is there: a message that ends early, or a field of a kind
/// that cannot be skipped, ends the reading with ``ProtobufReader/Malformed``.
struct ProtobufReader {
    struct Malformed: Error {}

    /// A field's content.
    enum Value {
        case integer(UInt64)
        case data(UnsafeRawBufferPointer)
    }

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    /// - Parameter bytes: The message, which must outlive the reader and the values it lends.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// Returns the next field that is a number or has a length; `nil` at the end.
    mutating func next() throws(Malformed) -> (field: Int, value: Value)? {
        while position < bytes.count {
            let tag = try varint()
            let field = Int(truncatingIfNeeded: tag >> 3)
            switch tag & 7 {
            case 0: return (field, .integer(try varint()))
            case 1: try skip(8)
            case 2: return (field, .data(try data()))
            case 5: try skip(4)
            default: throw Malformed()
            }
        }
        return nil
    }

    /// Reads the rest as numbers, as in a packed list.
    mutating func remainingIntegers() throws(Malformed) -> [UInt64] {
        var integers: [UInt64] = []
        while position < bytes.count { integers.append(try varint()) }
        return integers
    }

    private mutating func varint() throws(Malformed) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard position < bytes.count else { throw Malformed() }
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw Malformed()
    }

    private mutating func data() throws(Malformed) -> UnsafeRawBufferPointer {
        let count = try varint()
        guard count <= UInt64(bytes.count - position) else { throw Malformed() }
        let start = position
        position += Int(count)
        return UnsafeRawBufferPointer(rebasing: bytes[start..<position])
    }

    private mutating func skip(_ count: Int) throws(Malformed) {
        guard count <= bytes.count - position else { throw Malformed() }
        position += count
    }
}
