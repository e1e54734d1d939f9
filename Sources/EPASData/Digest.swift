import Crypto
import Foundation

/// A SHA-256 digest.
struct Digest: Hashable, Sendable {
    static let byteCount = 32

    /// 32 bytes.
    let bytes: [UInt8]

    init(of data: some DataProtocol) {
        bytes = Array(SHA256.hash(data: data))
    }

    /// - Precondition: there are 32 bytes.
    init(bytes: some Collection<UInt8>) {
        precondition(bytes.count == Self.byteCount, "\(bytes.count) bytes are not a SHA-256 digest")
        self.bytes = Array(bytes)
    }

    /// - Returns: `nil` unless the text is 64 lower-case hexadecimal digits.
    init?(hexadecimal: String) {
        let digits = Array(hexadecimal.utf8)
        guard digits.count == 2 * Self.byteCount else { return nil }
        var bytes: [UInt8] = []
        for i in stride(from: 0, to: digits.count, by: 2) {
            guard let high = Self.value(digits[i]), let low = Self.value(digits[i + 1]) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        self.bytes = bytes
    }

    /// 64 lower-case digits.
    var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] },
            as: UTF8.self)
    }

    /// Eight of its bytes as a number, for drawing by hash: `index` is 0 to 3.
    func number(_ index: Int) -> UInt64 {
        bytes[(8 * index)..<(8 * index + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}
