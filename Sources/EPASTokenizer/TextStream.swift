/// Text that grows token by token, handed out as soon as it is final.
///
/// A character may take several tokens: until its last byte is there, nothing of it is handed out.
/// Each token takes time that does not depend on how long the text is.
package struct TextStream {
    private let tokenizer: any Tokenizer
    /// The tokens whose text may still change, after some whose text is final.
    private var window: [Int32]
    /// The text of `window` that has been handed out.
    private var known: String
    /// Numbers of tokens of `window` after which everything was final, in order.
    private var finalCounts: [Int]

    /// Tokens in the window before it is shortened, and that it then keeps at least.
    private static let longestWindow = 16
    private static let shortestWindow = 4
    /// Tokens that are waited for while a character is unfinished; none takes as many.
    private static let longestWait = 24

    /// A stream that continues the given tokens, whose text is taken as known.
    package init(tokenizer: any Tokenizer, after tokens: [Int32]) {
        self.tokenizer = tokenizer
        // The first token with text of a window may lose its space, so there must be one.
        var count = min(8, tokens.count)
        while count < tokens.count, tokenizer.decode(Array(tokens.suffix(count))).isEmpty {
            count = min(2 * count, tokens.count)
        }
        window = Array(tokens.suffix(count))
        known = tokenizer.decode(window)
        finalCounts = [window.count]
    }

    /// Adds a token and returns the text that became final.
    package mutating func append(_ token: Int32) -> String {
        window.append(token)
        let text = tokenizer.decode(window)
        if text == known, tokenizer.decode([token, token]).isEmpty {
            // A special token, which has no text wherever it stands.
            window.removeLast()
            return ""
        }
        // An unfinished character reads as the replacement character at the end.
        let waiting = window.count - (finalCounts.last ?? 0)
        guard !text.hasSuffix("\u{FFFD}") || waiting > Self.longestWait else { return "" }
        let new = Self.suffix(of: text, after: known)
        known = text
        finalCounts.append(window.count)
        if window.count > Self.longestWindow { shorten() }
        return new
    }

    /// Drops tokens from the window's start, up to a place where a character begins.
    private mutating func shorten() {
        let kept = window.count - Self.shortestWindow
        guard let start = finalCounts.last(where: { $0 <= kept }), start > 0 else { return }
        let rest = Array(window[start...])
        let text = tokenizer.decode(rest)
        guard !text.isEmpty else { return }
        window = rest
        known = text
        finalCounts = finalCounts.compactMap { $0 > start ? $0 - start : nil }
    }

    /// The text that is left when no token follows.
    package var rest: String { Self.suffix(of: tokenizer.decode(window), after: known) }

    private static func suffix(of text: String, after known: String) -> String {
        String(decoding: text.utf8.dropFirst(known.utf8.count), as: UTF8.self)
    }
}
