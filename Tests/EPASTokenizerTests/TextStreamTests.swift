import EPASTokenizer
import Foundation
import Testing

@Suite("Text token by token")
struct TextStreamTests {
    private static let texts = [
        "plain words, then 日本語 and 한국어.", "👩‍👩‍👧‍👦🏳️‍🌈 👍🏽", String(repeating: "日本語", count: 100),
        String(repeating: "🎉", count: 100), String(repeating: " ", count: 300) + "x",
        "\u{FFFD}a\u{FFFD}", " leading", "\n\n\t", "𝒜𝓑\u{10FFFF}é",
    ]

    @Test(
        "the parts make the text, and none ends within a character",
        arguments: TokenizerFixture.names, texts)
    func streams(name: String, text: String) throws {
        let tokenizer = try BytePairTokenizer(at: TokenizerFixture.url("\(name).json"))
        try check(tokenizer, text)
    }

    @Test("the same with SentencePiece", arguments: texts)
    func streamsSentencePiece(text: String) throws {
        try check(try codeTokenizer.get(), text)
    }

    private func check(_ tokenizer: any Tokenizer, _ text: String) throws {
        for start in ["", "Before: "] {
            let prompt = tokenizer.encode(start)
            let tokens = tokenizer.encode(start + text)
            try #require(tokens.starts(with: prompt) || start.isEmpty || tokens.count > 2)
            let known = tokens.starts(with: prompt) ? prompt.count : 2
            var stream = TextStream(tokenizer: tokenizer, after: Array(tokens.prefix(known)))
            var made = tokenizer.decode(Array(tokens.prefix(known)))
            for token in tokens.dropFirst(known) {
                let part = stream.append(token)
                if !text.contains("\u{FFFD}") { #expect(!part.contains("\u{FFFD}")) }
                made += part
            }
            made += stream.rest
            #expect(Array(made.utf8) == Array(tokenizer.decode(tokens).utf8))
        }
    }

    @Test func aCharacterOfFourTokensComesAtOnce() throws {
        let tokenizer = try BytePairTokenizer(at: TokenizerFixture.url("byte-level.json"))
        let tokens = tokenizer.encode("\u{10FFFF}")
        #expect(tokens.count > 1)
        var stream = TextStream(tokenizer: tokenizer, after: [])
        let parts = tokens.map { stream.append($0) }
        #expect(parts.dropLast().joined().isEmpty)
        #expect(parts.last == "\u{10FFFF}")
    }

    /// Bytes that never make a character are shown as such, late but not never.
    @Test func brokenBytesDoNotStopTheStream() throws {
        let tokenizer = try BytePairTokenizer(at: TokenizerFixture.url("byte-level.json"))
        let broken = try #require(tokenizer.encode("\u{10FFFF}").first)
        var stream = TextStream(tokenizer: tokenizer, after: [])
        var text = ""
        for _ in 0..<200 { text += stream.append(broken) }
        #expect(!text.isEmpty)
        for token in tokenizer.encode("after") { text += stream.append(token) }
        #expect(text.hasSuffix("after"))
    }

    @Test func specialTokensAddNothing() throws {
        let tokenizer = try BytePairTokenizer(at: TokenizerFixture.url("metaspace.json"))
        var stream = TextStream(tokenizer: tokenizer, after: [1])
        var text = ""
        for token in [1, 2, 1] + tokenizer.encode("two words") + [2, 2] {
            text += stream.append(token)
        }
        #expect(text + stream.rest == "two words")
    }
}
