// The wire format of protocol buffers, as far as PJRT's options need it:
// <https://protobuf.dev/programming-guides/encoding/>

/// Writes a protocol buffer message, field by field.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    mutating func integer(_ field: Int, _ value: Int) {
        tag(field, wireType: 0)
        // Negative numbers are written as their 64-bit pattern.
        varint(UInt64(bitPattern: Int64(value)))
    }

    mutating func flag(_ field: Int, _ value: Bool) {
        integer(field, value ? 1 : 0)
    }

    mutating func real(_ field: Int, _ value: Double) {
        tag(field, wireType: 1)
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func text(_ field: Int, _ value: String) {
        data(field, Array(value.utf8))
    }

    mutating func integers(_ field: Int, _ values: [Int]) {
        var packed = ProtobufWriter()
        for value in values { packed.varint(UInt64(bitPattern: Int64(value))) }
        data(field, packed.bytes)
    }

    mutating func message(_ field: Int, _ body: (inout ProtobufWriter) -> Void) {
        var message = ProtobufWriter()
        body(&message)
        data(field, message.bytes)
    }

    private mutating func data(_ field: Int, _ value: [UInt8]) {
        tag(field, wireType: 2)
        varint(UInt64(value.count))
        bytes += value
    }

    private mutating func tag(_ field: Int, wireType: UInt64) {
        varint(UInt64(field) << 3 | wireType)
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
