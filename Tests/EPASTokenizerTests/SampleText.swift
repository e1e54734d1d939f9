import EPASTesting

/// Deterministic text for these tests.
enum SampleText {
    /// Something like source code, of the given number of lines.
    static func code(lines: Int, seed: UInt64 = 1) -> String {
        var random = SplitMix(seed: seed)
        let names = ["value", "index", "result", "self", "tensor", "shape", "count", "range"]
        return (0..<lines).map { _ in
            let indent = String(repeating: " ", count: 4 * Int(random.next() % 5))
            let words = (0..<(2 + Int(random.next() % 6))).map { _ in
                names[Int(random.next() % UInt64(names.count))]
                    + (random.next() % 3 == 0 ? "_\(random.next() % 100)" : "")
            }
            return indent
                + words.joined(separator: [" ", " = ", ".", ", "][Int(random.next() % 4)])
        }.joined(separator: "\n")
    }

    /// Any scalars, with the awkward ones often.
    static func unicode(scalars: Int, seed: UInt64) -> String {
        var random = SplitMix(seed: seed)
        let awkward = Array(
            " \n\t\0\r\u{2581}\u{2585}<s></s><0x0A>\u{FFFD}\u{FFFE}\u{FEFF}\u{301}👩‍👩‍👧".unicodeScalars)
        var text = String.UnicodeScalarView()
        while text.count < scalars {
            switch random.next() % 4 {
            case 0: text.append(awkward[Int(random.next() % UInt64(awkward.count))])
            case 1: text.append(Unicode.Scalar(UInt8(32 + random.next() % 95)))
            case 2:
                text.append(contentsOf: repeatElement(" ", count: Int(random.next() % 20)))
            default:
                if let scalar = Unicode.Scalar(UInt32(random.next() % 0x11_0000)) {
                    text.append(scalar)
                }
            }
        }
        return String(text)
    }
}
