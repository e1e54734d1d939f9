import EPASTokenizer
import Foundation
import Testing

@Suite("Special tokens in text that strangers wrote parts of")
struct UntrustedTextTests {
    /// Tokens: a 1, b 2, ab 3, `<s>` 5, `<s>>` 6, both special, and `bb` 7, which is not.
    private func tokenizer(normalized: Bool) throws -> BytePairTokenizer {
        func added(_ id: Int, _ text: String, isSpecial: Bool) -> String {
            """
            {"id": \(id), "content": "\(text)", "single_word": false, "lstrip": false, \
            "rstrip": false, "normalized": \(normalized && isSpecial), "special": \(isSpecial)}
            """
        }
        var json = TokenizerJSONText()
        json.vocabulary = #""<unk>": 0, "a": 1, "b": 2, "ab": 3, "<": 8, ">": 9, "s": 10"#
        json.added = [
            added(5, "<s>", isSpecial: true), added(6, "<s>>", isSpecial: true),
            added(7, "bb", isSpecial: false),
        ].joined(separator: ", ")
        return try BytePairTokenizer(json: Data(json.text.utf8))
    }

    @Test(
        "a special token is one only where all of it is trusted",
        arguments: [
            ("<s>ab", [], [5, 3]), ("<s>ab", [3..<5], [5, 3]), ("<s>ab", [0..<3], [8, 10, 9, 3]),
            ("<s>ab", [0..<1], [8, 10, 9, 3]), ("<s>ab", [2..<3], [8, 10, 9, 3]),
            ("<s>ab", [1..<2], [8, 10, 9, 3]), ("<s><s>", [0..<3], [8, 10, 9, 5]),
            ("<s><s>", [3..<6], [5, 8, 10, 9]), ("a<s>b", [0..<1, 4..<5], [1, 5, 2]),
            // The longer token reaches into a stranger's text, the shorter does not.
            ("<s>>", [3..<4], [5, 9]), ("<s>>", [], [6]),
            // Neighbours join across the border, as in the whole text.
            ("ab", [1..<2], [3]), ("bb", [0..<1], [7]), ("bb", [0..<2], [7]),
            ("<<s>", [0..<1], [8, 5]), ("", [], []),
        ] as [(String, [Range<Int>], [Int32])])
    func bytePair(text: String, untrusted: [Range<Int>], expected: [Int32]) throws {
        for isNormalized in [false, true] {
            #expect(
                try tokenizer(normalized: isNormalized).encode(text, untrusted: untrusted)
                    == expected, "normalized: \(isNormalized)")
        }
    }

    @Test("with nothing from strangers, and with nothing else, the ids are the usual ones")
    func extremes() throws {
        let expected = try TokenizerFixture.expected()
        for name in TokenizerFixture.names {
            let tokenizer = try BytePairTokenizer(at: TokenizerFixture.url("\(name).json"))
            for text in expected.texts where !text.isEmpty {
                #expect(
                    tokenizer.encode(text, untrusted: [])
                        == tokenizer.encode(text, allowingSpecial: true))
                #expect(
                    tokenizer.encode(text, untrusted: [0..<text.utf8.count])
                        == tokenizer.encode(text, allowingSpecial: false), "\(name) \(text)")
            }
        }
    }

    @Test("a SentencePiece model's control tokens")
    func sentencePiece() throws {
        let tokenizer = try SentencePieceTokenizer.train(
            vocabularySize: 290, on: [SampleText.code(lines: 200)])
        #expect(
            tokenizer.encode("<s>the</s>", untrusted: [3..<6])
                == tokenizer.encode("<s>the</s>", allowingSpecial: true))
        let ids = tokenizer.encode("<s>the</s>", untrusted: [3..<10])
        #expect(ids.first == 1)
        #expect(Array(ids.dropFirst()) == tokenizer.encode("the</s>"))
        #expect(tokenizer.encode("<s>the", untrusted: [0..<6]) == tokenizer.encode("<s>the"))
    }
}
