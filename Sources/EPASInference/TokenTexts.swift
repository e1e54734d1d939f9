package import EPASTokenizer
import Synchronization

/// The text of single tokens, as lists of log-probabilities show them.
///
/// A token is shown as it reads in the middle of a text, a special token by its name, and one
/// that is a part of a character as `bytes:\xE2\x82`, the form that OpenAI's interface uses.
package final class TokenTexts: Sendable {
    private let tokenizer: any Tokenizer
    private let known = Mutex<[Int32: String]>([:])

    package init(_ tokenizer: any Tokenizer) {
        self.tokenizer = tokenizer
    }

    package func text(of token: Int32) -> String {
        if let text = known.withLock({ $0[token] }) { return text }
        let text =
            switch tokenizer.symbol(of: token) {
            case .special(let name): name
            case .bytes(let bytes):
                String(validating: bytes, as: UTF8.self)
                    ?? "bytes:" + bytes.map(Self.escaped).joined()
            case nil: inner(token)
            }
        // Only tokens of the vocabulary, which is bounded, are kept.
        if (0..<Int32(clamping: tokenizer.vocabularySize)).contains(token) {
            known.withLock { $0[token] = text }
        }
        return text
    }

    /// The bytes of a token's text; `nil` for a special token.
    package func bytes(of token: Int32) -> [UInt8]? {
        switch tokenizer.symbol(of: token) {
        case .special: nil
        case .bytes(let bytes): bytes
        case nil: Array(text(of: token).utf8)
        }
    }

    /// A decoder may take a space off a text's start, so the token is read after itself.
    private func inner(_ token: Int32) -> String {
        let alone = tokenizer.decode([token])
        let twice = tokenizer.decode([token, token])
        return String(decoding: twice.utf8.dropFirst(alone.utf8.count), as: UTF8.self)
    }

    private static func escaped(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return "\\x" + (digits.count < 2 ? "0" : "") + digits
    }
}
