/// The printable characters that byte-level tokenizers write bytes as.
///
/// Source: GPT-2's `bytes_to_unicode`: printable Latin-1 stands for itself, the other bytes in
/// their order for U+0100 and on (tokenizers 0.23, pre_tokenizers/byte_level.rs).
enum ByteAlphabet {
    /// The character of each byte, in UTF-8.
    static let characters: [[UInt8]] = values.map { value in
        Unicode.Scalar(value).map { Array(String($0).utf8) } ?? []
    }

    private static let values: [UInt32] = {
        var next: UInt32 = 0x100
        return (0...0xFF as ClosedRange<UInt32>).map { byte in
            if (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE {
                return byte
            }
            defer { next += 1 }
            return next
        }
    }()

    /// The byte of each character up to the last that stands for one; -1 where there is none.
    private static let bytes: [Int16] = {
        var bytes = [Int16](repeating: -1, count: Int(values.max() ?? 0) + 1)
        for (byte, value) in values.enumerated() { bytes[Int(value)] = Int16(byte) }
        return bytes
    }()

    static func append(_ byte: UInt8, to text: inout [UInt8]) {
        text.append(contentsOf: characters[Int(byte)])
    }

    /// The bytes that a text stands for; `nil` when a character stands for none.
    static func bytes(of text: some Sequence<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        var isWritten = true
        UTF8Text.forEachScalar(of: text) { scalar in
            let value = Int(scalar.value)
            if value < bytes.count, bytes[value] >= 0 {
                result.append(UInt8(bytes[value]))
            } else {
                isWritten = false
            }
        }
        return isWritten ? result : nil
    }
}
