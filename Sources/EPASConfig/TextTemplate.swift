/// A text with places for the fields of a record: `{{question}}\nAnswer:`.
///
/// Jinja's substitution of names alone, so that templates of other evaluation tools which use no
/// more than that work unchanged.
package struct TextTemplate: Sendable, Hashable {
    package enum Piece: Sendable, Hashable {
        case literal(String)
        /// A field's path: its name, or names with dots between them inside nested objects.
        case field(String)
    }

    package let pieces: [Piece]

    /// The paths of the fields that the text names.
    package var fields: [String] {
        pieces.compactMap { if case .field(let path) = $0 { path } else { nil } }
    }

    /// - Returns: `nil` where braces are left open, or hold something other than a field's path.
    package init?(_ text: String) {
        guard !["{%", "{#"].contains(where: { text.contains($0) }) else { return nil }
        var pieces: [Piece] = []
        var rest = text[...]
        while let open = rest.firstRange(of: "{{") {
            if open.lowerBound > rest.startIndex {
                pieces.append(.literal(String(rest[..<open.lowerBound])))
            }
            rest = rest[open.upperBound...]
            guard let close = rest.firstRange(of: "}}") else { return nil }
            let path = rest[..<close.lowerBound].filter { $0 != " " }
            guard Self.isPath(String(path)) else { return nil }
            pieces.append(.field(String(path)))
            rest = rest[close.upperBound...]
        }
        if !rest.isEmpty { pieces.append(.literal(String(rest))) }
        self.pieces = pieces
    }

    /// Whether a text can name a field: letters, digits, `_` and `-`, and dots between names.
    static func isPath(_ text: String) -> Bool {
        let names = text.split(separator: ".", omittingEmptySubsequences: false)
        return names.allSatisfy { name in
            !name.isEmpty
                && name.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" }
        }
    }
}
