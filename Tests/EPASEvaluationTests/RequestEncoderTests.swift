import EPASTokenizer
import Testing

@testable import EPASEvaluation

@Suite("Texts as requests")
struct RequestEncoderTests {
    static let record = try! record(#"{"text": "x"}"#)

    static func record(_ line: String) throws -> TaskRecord {
        try Array(line.utf8).withUnsafeBytes { try TaskRecord($0, file: "data.jsonl", line: 3) }
    }

    private func encoder(
        _ maximumLength: Int, vocabulary: Int = ByteTokenizer.vocabulary,
        tokenizer: ByteTokenizer = ByteTokenizer()
    ) -> RequestEncoder {
        RequestEncoder(tokenizer, vocabulary: vocabulary, maximumLength: maximumLength)
    }

    /// Letters as tokens; `^` is the start, `_` the end, `θ` the token of "th".
    private func ids(_ text: String) -> [Int32] {
        text.map { character in
            switch character {
            case "^": ByteTokenizer.start
            case "_": ByteTokenizer.end
            case "θ": ByteTokenizer.pair
            default: Int32(character.asciiValue ?? 0)
            }
        }
    }

    @Test(
        "a continuation after a context",
        arguments: [
            ("ab", " c", "^ab ", " c"),
            // White space moves from the context to the continuation.
            ("ab ", "c", "^ab ", " c"),
            ("ab \n", " c", "^ab \n ", " \n c"),
            ("  ", "c", "^  ", "  c"),
            // The context has its own tokens, and the whole text is cut after as many.
            ("at", "he", "^at", "e"),
            // The longest input has 8 tokens; targets stay.
            ("abcdefgh", "ij", "bcdefghi", "ij"),
            ("abcdefgh", "ijklmnop", "hijklmno", "ijklmnop"),
            // Without a context the start stands for it, once.
            ("", " c", "^ ", " c"),
            ("", "<s>c", "^", "c"),
            ("<s>ab", "c", "^ab", "c"),
        ])
    func pair(context: String, continuation: String, input: String, targets: String) throws {
        var encoder = encoder(8)
        let request = try encoder.request(
            context: context, continuation: continuation, record: Self.record)
        #expect(request.input == ids(input))
        #expect(request.targets == ids(targets))
        #expect(encoder.truncatedCount == (context.count == 8 ? 1 : 0))
    }

    @Test func withoutAStartTheEndStandsForIt() throws {
        var tokenizer = ByteTokenizer()
        tokenizer.beginningOfSequence = nil
        var encoder = encoder(8, tokenizer: tokenizer)
        let empty = try encoder.request(context: "", continuation: "ab", record: Self.record)
        #expect(empty == ScoringRequest(input: ids("_a"), targets: ids("ab")))
        let pair = try encoder.request(context: "ab", continuation: "c", record: Self.record)
        #expect(pair == ScoringRequest(input: ids("ab"), targets: ids("c")))
        tokenizer.endOfSequence = nil
        #expect(throws: EvaluationError.self) {
            try self.encoder(8, tokenizer: tokenizer).windows("ab", record: Self.record)
        }
    }

    /// As lm-evaluation-harness 0.4.13 cuts them, for texts that begin with the start token.
    @Test(
        "windows of a whole text",
        arguments: [
            ("", [("^", "^")]),
            ("abc", [("^^ab", "^abc")]),
            ("abcd", [("^^ab", "^abc"), ("^abc", "d")]),
            ("abcdefgh", [("^^ab", "^abc"), ("cdef", "defg"), ("defg", "h")]),
            ("abcdefg", [("^^ab", "^abc"), ("cdef", "defg")]),
            ("<s>a", [("^^", "^a")]),
        ] as [(String, [(String, String)])])
    func windows(text: String, expected: [(String, String)]) throws {
        let windows = try encoder(4).windows(text, record: Self.record)
        #expect(
            windows == expected.map { ScoringRequest(input: ids($0.0), targets: ids($0.1)) })
    }

    @Test func windowsOfOneToken() throws {
        let windows = try encoder(1).windows("ab", record: Self.record)
        #expect(windows.map(\.input) == [ids("^"), ids("^"), ids("a")])
        #expect(windows.map(\.targets) == [ids("^"), ids("a"), ids("b")])
    }

    @Test(
        "what cannot be scored",
        arguments: [
            (
                "a", "", 8, 259,
                "data.jsonl, line 3: \"\" adds no token to its context. Give a longer continuation, or another delimiter."
            ),
            (
                "a", "a\tlong one", 8, 259,
                "data.jsonl, line 3: \"a long one\" has 10 tokens, but the longest input has 8. Shorten it, or use a model with a longer context."
            ),
            (
                "a", "th", 8, 257,
                "data.jsonl, line 3: the tokenizer makes token 258, but the model knows 257. Put the model's own tokenizer into its folder."
            ),
        ])
    func refused(
        context: String, continuation: String, length: Int, vocabulary: Int, message: String
    ) {
        let error = #expect(throws: EvaluationError.self) {
            var encoder = encoder(length, vocabulary: vocabulary)
            _ = try encoder.request(
                context: context, continuation: continuation, record: Self.record)
        }
        #expect(error?.description == message)
    }
}
