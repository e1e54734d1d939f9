package import EPASTokenizer

/// The text that a request's tokens make, in pieces that are final.
///
/// A piece never ends within a character, and never with what may be the beginning of a stop
/// string. Text stops before the first stop string.
package struct TextCompletion {
    /// A token and where its text begins.
    package struct Token: Hashable, Sendable {
        package let id: Int32
        package let score: TokenScore?
        /// Unicode scalars before it.
        package let offset: Int
    }

    /// Text that became final, and the tokens that begin in it.
    package struct Piece: Hashable, Sendable {
        package var text = ""
        package var tokens: [Token] = []

        package var isEmpty: Bool { text.isEmpty && tokens.isEmpty }
    }

    private var stream: TextStream
    private let stops: [String]
    private var matcher: StopMatcher
    /// Unicode scalars of the final text, of everything known.
    private var finalOffset: Int
    private var knownOffset: Int
    /// Text that may be the beginning of a stop string.
    private var held: [UInt8] = []
    private var heldTokens: [Token] = []
    /// The stop string that ended the text; nothing may be added after it.
    package private(set) var stopString: String?

    /// - Parameters:
    ///   - prompt: The tokens that the text continues.
    ///   - stops: Strings that end the text without being part of it; none is empty.
    ///   - offset: Where the text begins, in Unicode scalars: offsets of tokens count from there.
    package init(
        tokenizer: any Tokenizer, after prompt: [Int32] = [], stops: [String] = [],
        offset: Int = 0
    ) {
        stream = TextStream(tokenizer: tokenizer, after: prompt)
        self.stops = stops
        matcher = StopMatcher(stops)
        finalOffset = offset
        knownOffset = offset
    }

    /// Adds a token and returns what became final.
    package mutating func append(_ token: Int32, score: TokenScore? = nil) -> Piece {
        guard stopString == nil else { return Piece() }
        heldTokens.append(Token(id: token, score: score, offset: knownOffset))
        return add(stream.append(token), isLast: false)
    }

    /// Adds a token that has no text of its own, such as the one that ended the request.
    package mutating func appendSilently(_ token: Int32, score: TokenScore? = nil) {
        guard stopString == nil else { return }
        heldTokens.append(Token(id: token, score: score, offset: knownOffset))
    }

    /// Returns what is left when no token follows.
    package mutating func finish() -> Piece {
        guard stopString == nil else { return Piece() }
        return add(stream.rest, isLast: true)
    }

    private mutating func add(_ text: String, isLast: Bool) -> Piece {
        for byte in text.utf8 {
            held.append(byte)
            if byte & 0xC0 != 0x80 { knownOffset += 1 }
            if let index = matcher.append(byte) {
                stopString = stops[index]
                return release(held.count - matcher.length(of: index), isLast: true)
            }
        }
        return release(held.count - (isLast ? 0 : matcher.pending), isLast: isLast)
    }

    /// Hands out the first bytes held, and the tokens whose text has been handed out.
    private mutating func release(_ count: Int, isLast: Bool) -> Piece {
        let text = String(decoding: held[..<count], as: UTF8.self)
        held.removeFirst(count)
        finalOffset += text.unicodeScalars.count
        let isStopped = stopString != nil
        // A token's text ends where the next one's begins.
        var released = 0
        while released < heldTokens.count {
            let next =
                released + 1 < heldTokens.count ? heldTokens[released + 1].offset : knownOffset
            let isOut =
                isStopped
                ? heldTokens[released].offset < finalOffset : isLast || next <= finalOffset
            guard isOut else { break }
            released += 1
        }
        let tokens = Array(heldTokens[..<released])
        heldTokens.removeFirst(released)
        return Piece(text: text, tokens: tokens)
    }
}
