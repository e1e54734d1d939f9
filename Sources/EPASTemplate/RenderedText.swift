/// What a template rendered, and which parts of it came from outside the template.
package struct RenderedText: Hashable, Sendable {
    package let text: String
    /// Ranges of the text's UTF-8 bytes, in order, that came from variables which are not
    /// trusted: in them nothing means a special token.
    package let untrusted: [Range<Int>]

    init(_ units: [UInt32], _ limits: TemplateLimits) throws {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(units.count)
        var untrusted: [Range<Int>] = []
        for unit in units {
            let start = bytes.count
            bytes.append(contentsOf: UTF8.encode(scalar(unit)) ?? UTF8.encodedReplacementCharacter)
            guard unit & Text.mark != 0 else { continue }
            if let last = untrusted.last, last.upperBound == start {
                untrusted[untrusted.count - 1] = last.lowerBound..<bytes.count
            } else {
                untrusted.append(start..<bytes.count)
            }
        }
        guard bytes.count <= limits.outputBytes else {
            throw TemplateError(
                .limit, line: nil, "the text has more than \(limits.outputBytes) bytes")
        }
        text = String(decoding: bytes, as: UTF8.self)
        self.untrusted = untrusted
    }
}
