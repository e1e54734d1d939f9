import EPASTokenizer
import Foundation

extension FuzzTarget {
    /// A `tokenizer.model` whose wire format is right, made of what the input says.
    ///
    /// Few changes of a real file keep the lengths in it right. Here the first byte sets the
    /// model's flags, and each piece is a byte for its kind, one for its score, one for its length,
    /// and its text. The unknown piece and the 256 bytes come first unless a flag says otherwise.
    func readPieces(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes[...]
        let flags = rest.popFirst() ?? 0
        var model: [UInt8] = []
        func add(_ text: some Collection<UInt8>, kind: UInt8, score: Float = 0) {
            var piece = Self.field(1, text) + [0x15]
            withUnsafeBytes(of: score.bitPattern.littleEndian) { piece += $0 }
            piece += [0x18, kind]
            model += Self.field(1, piece)
        }
        add("<unk>".utf8, kind: 2)
        if flags & 1 == 0 {
            for byte in 0...255 {
                let digits = String(byte, radix: 16, uppercase: true)
                add("<0x\(byte < 16 ? "0" : "")\(digits)>".utf8, kind: 6)
            }
        }
        if flags & 2 == 0 { add("\u{2581}".utf8, kind: 1, score: -300) }
        while rest.count > 3 {
            let (kind, score, length) = (rest.removeFirst(), rest.removeFirst(), rest.removeFirst())
            // Mostly normal pieces, with scores of which some are equal.
            add(
                rest.prefix(Int(length % 24)), kind: kind < 200 ? 1 : kind % 8,
                score: -Float(score / 4))
            rest = rest.dropFirst(Int(length % 24))
        }
        // The trainer's type (BPE) and byte fallback.
        model += Self.field(2, [0x18, 2, 0xB8, 2, flags & 1 == 0 ? 1 : 0])
        // The normalizer: dummy prefix, extra white space, escaping.
        model += Self.field(
            3, [0x18, flags >> 2 & 1, 0x20, flags >> 3 & 1, 0x28, 1 - (flags >> 4 & 1)])
        model.withUnsafeBytes { readTokenizerModel($0) }
    }

    /// A field of a message: its number, its length and its bytes.
    private static func field(_ number: UInt8, _ bytes: some Collection<UInt8>) -> [UInt8] {
        var field = [number << 3 | 2]
        var length = bytes.count
        while length >= 0x80 {
            field.append(UInt8(length & 0x7F) | 0x80)
            length >>= 7
        }
        field.append(UInt8(length))
        return field + bytes
    }
}
