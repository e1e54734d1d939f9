extension YAMLNode {
    /// The value as YAML, one key a line; parsing it gives the same value.
    var yaml: String {
        var output = ""
        write(to: &output, indentation: 0)
        return output
    }

    private func write(to output: inout String, indentation: Int) {
        guard case .mapping(let entries) = content, !entries.isEmpty else {
            output += flow + "\n"
            return
        }
        for entry in entries {
            output += String(repeating: " ", count: indentation) + Self.scalarText(entry.key) + ":"
            if case .mapping(let inner) = entry.value.content, !inner.isEmpty {
                output += "\n"
                entry.value.write(to: &output, indentation: indentation + 2)
            } else {
                output += " " + entry.value.flow + "\n"
            }
        }
    }

    /// The value in one line.
    private var flow: String {
        switch content {
        case .scalar(let text, quoted: false):
            return text
        case .scalar(let text, quoted: true):
            return Self.scalarText(text)
        case .list(let elements):
            return "[\(elements.map(\.flow).joined(separator: ", "))]"
        case .mapping(let entries):
            let parts = entries.map { "\(Self.scalarText($0.key)): \($0.value.flow)" }
            return "{\(parts.joined(separator: ", "))}"
        }
    }

    /// A text, in quotes unless it is a plain word or path.
    private static func scalarText(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "/"),
                UInt8(ascii: "."), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        let node = YAMLNode.plain(text)
        let startsPlainly = text.utf8.first.map { $0 != UInt8(ascii: "-") } ?? false
        if isPlain, startsPlainly, !node.isNull, node.boolean == nil, text != "..." {
            return text
        }
        var output = "\""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22: output += "\\\""
            case 0x5C: output += "\\\\"
            case 0x20...0x7E, 0xA1...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD:
                output.unicodeScalars.append(scalar)
            default:
                let digits = String(scalar.value, radix: 16, uppercase: true)
                output += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
            }
        }
        return output + "\""
    }
}
