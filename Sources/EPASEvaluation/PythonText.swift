// How Python sees a text, where a metric is defined by it: characters are Unicode scalars, and
// white space is what `str.isspace`, `str.rstrip` and the regular expression `\s` take for it.

extension Unicode.Scalar {
    /// Whether Python's `str.isspace` holds: bidirectional type WS, B or S, or category Zs.
    var isPythonSpace: Bool {
        switch value {
        case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F,
            0x205F, 0x3000:
            true
        default: false
        }
    }
}

extension String {
    /// The text up to its trailing white space, and that white space.
    var splitBeforeTrailingSpace: (text: String, space: String) {
        let scalars = unicodeScalars
        var end = scalars.endIndex
        while end > scalars.startIndex, scalars[scalars.index(before: end)].isPythonSpace {
            end = scalars.index(before: end)
        }
        return (String(scalars[..<end]), String(scalars[end...]))
    }

    /// The number of parts that runs of white space cut the text into; empty parts at its ends
    /// count, as in `len(re.split(r"\s+", text))`.
    var wordCount: Int {
        var (count, wasSpace) = (1, false)
        for scalar in unicodeScalars {
            if scalar.isPythonSpace, !wasSpace { count += 1 }
            wasSpace = scalar.isPythonSpace
        }
        return count
    }

    /// The text before its last space, and what stands after that; the text may have none.
    var splitAtLastSpace: (before: String, last: String) {
        guard let space = unicodeScalars.lastIndex(of: " ") else { return ("", self) }
        let after = unicodeScalars.index(after: space)
        return (String(unicodeScalars[..<space]), String(unicodeScalars[after...]))
    }
}
