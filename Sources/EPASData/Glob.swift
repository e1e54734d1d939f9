/// A file name pattern: `*` any characters of a name, `?` one of them, `**` also across folders.
///
/// A pattern without `/` is compared with the name, one with `/` with the path below the folder
/// that was given.
package struct Glob: Sendable, Hashable {
    private let pattern: [UInt8]

    package init(_ pattern: String) {
        self.pattern = Array(pattern.utf8)
    }

    /// Whether the pattern fits a path, such as `package/module.py`.
    package func matches(_ path: String) -> Bool {
        let path = Array(path.utf8)
        guard !pattern.contains(Self.slash) else { return Self.matches(pattern, path) }
        let name = path.lastIndex(of: Self.slash).map { Array(path[($0 + 1)...]) } ?? path
        return Self.matches(pattern, name)
    }

    private static let slash = UInt8(ascii: "/")
    private static let star = UInt8(ascii: "*")

    /// Row by row over the pattern: which prefixes of the text the pattern so far fits. Takes
    /// pattern times text steps whatever the pattern.
    private static func matches(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
        var fits = [true] + Array(repeating: false, count: text.count)
        var i = 0
        while i < pattern.count {
            var next = Array(repeating: false, count: text.count + 1)
            if pattern[i] == star {
                let crosses = i + 1 < pattern.count && pattern[i + 1] == star
                i += crosses ? 2 : 1
                // `**/` also fits no folder at all.
                let mayBeNothing = crosses && i < pattern.count && pattern[i] == slash
                if mayBeNothing { i += 1 }
                var open = false
                for end in 0...text.count {
                    if end > 0, open, !crosses, text[end - 1] == slash { open = false }
                    open = open || fits[end]
                    next[end] =
                        mayBeNothing
                        ? fits[end] || end > 0 && open && text[end - 1] == slash : open
                }
            } else {
                for end in text.indices where fits[end] {
                    let isAny = pattern[i] == UInt8(ascii: "?") && text[end] != slash
                    next[end + 1] = isAny || pattern[i] == text[end]
                }
                i += 1
            }
            fits = next
        }
        return fits[text.count]
    }
}
