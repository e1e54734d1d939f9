/// Text that grows token by token, handed out as soon as it is final.
///
/// A character may take several tokens: until its last byte is there, nothing of it is handed out.
package struct TextStream {
    private let tokenizer: any Tokenizer
    /// The tokens whose text may still change, after one whose text is final.
    private var window: [Int32]
    /// The text of `window` that has been handed out.
    private var known: String

    /// A stream that continues the given tokens, whose text is taken as known.
    package init(tokenizer: any Tokenizer, after tokens: [Int32]) {
        self.tokenizer = tokenizer
        window = Array(tokens.suffix(8))
        known = tokenizer.decode(window)
    }

    /// Adds a token and returns the text that became final.
    package mutating func append(_ token: Int32) -> String {
        window.append(token)
        let text = tokenizer.decode(window)
        // An unfinished character reads as the replacement character at the end.
        guard !text.hasSuffix("\u{FFFD}") || window.count > 24 else { return "" }
        let new = Self.suffix(of: text, after: known)
        // Decoding restarts close before the end, so that a long text takes linear time.
        if window.count > 16 {
            window = Array(window.suffix(8))
            known = tokenizer.decode(window)
        } else {
            known = text
        }
        return new
    }

    /// The text that is left when no token follows.
    package var rest: String { Self.suffix(of: tokenizer.decode(window), after: known) }

    private static func suffix(of text: String, after known: String) -> String {
        String(decoding: text.utf8.dropFirst(known.utf8.count), as: UTF8.self)
    }
}
