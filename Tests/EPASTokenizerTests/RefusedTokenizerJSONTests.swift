import EPASTesting
import EPASTokenizer
import Foundation
import Testing

@Suite("Refused tokenizer.json")
struct RefusedTokenizerJSONTests {
    private static func added(_ tokens: String...) -> TokenizerJSONText {
        TokenizerJSONText(added: tokens.joined(separator: ", "))
    }

    private static func part(_ part: String) -> TokenizerJSONText {
        TokenizerJSONText(parts: ", \(part)")
    }

    /// A sequence of so many equal normalizers.
    private static func nested(_ count: Int, _ step: String) -> String {
        let steps = Array(repeating: step, count: count).joined(separator: ", ")
        return #"{"type": "Sequence", "normalizers": [\#(steps)]}"#
    }

    private static let cannotBeUsed: [(file: TokenizerJSONText, problem: String)] = [
        // The model.
        (
            TokenizerJSONText(
                vocabulary: #""a": -1, "b": 1, "ab": 2"#, settings: #""unk_token": null"#),
            #"the id of token "a" is not a whole number from 0 to 4194303"#
        ),
        (
            TokenizerJSONText(
                vocabulary: #""a": 4194304, "b": 1, "ab": 2"#, settings: #""unk_token": null"#),
            #"the id of token "a" is not a whole number from 0 to 4194303"#
        ),
        (
            TokenizerJSONText(
                vocabulary: #""a": 99999999999999999999, "b": 1.0, "ab": "2""#,
                settings: #""unk_token": null"#),
            #"the id of token "a" is not a whole number from 0 to 4194303; the id of token "b" is "#
                + #"not a whole number from 0 to 4194303; the id of token "ab" is not a whole "#
                + "number from 0 to 4194303"
        ),
        (
            TokenizerJSONText(
                vocabulary: #""a": 1, "b": 1, "ab": 2"#, settings: #""unk_token": null"#),
            #"id 1 of token "b" is another token's too"#
        ),
        (
            TokenizerJSONText(merges: #"["a", "c"]"#),
            #"merge 1 names "c", which is not in the vocabulary"#
        ),
        (
            TokenizerJSONText(merges: #""a b", "b a""#),
            #"merge 2 names "ba", which is not in the vocabulary"#
        ),
        (TokenizerJSONText(merges: #""a b c""#), "merge 1 is not a pair of tokens"),
        (TokenizerJSONText(merges: #"["a", "b", "a"]"#), "merge 1 is not a pair of tokens"),
        (TokenizerJSONText(merges: "7"), "merge 1 is not a pair of tokens"),
        (
            TokenizerJSONText(settings: #""unk_token": "?""#),
            #"model.unk_token "?" is not in the vocabulary"#
        ),
        (
            TokenizerJSONText(settings: #""dropout": 0.1"#),
            "model.dropout 0.1 would make the ids random"
        ),
        (
            TokenizerJSONText(settings: #""continuing_subword_prefix": "@@""#),
            #"model.continuing_subword_prefix "@@" is not supported"#
        ),
        (
            TokenizerJSONText(settings: #""end_of_word_suffix": "</w>""#),
            #"model.end_of_word_suffix "</w>" is not supported"#
        ),
        (TokenizerJSONText(settings: #""fuse_unk": 1"#), "model.fuse_unk 1 is not true or false"),
        (TokenizerJSONText(settings: #""bpe": 1"#), "model.bpe is unknown"),
        // Added tokens.
        (
            added(TokenizerJSONText.added(9, "<s>")),
            #"added token "<s>" has id 9, but 5 is its place"#
        ),
        (
            added(TokenizerJSONText.added(4, "ab")),
            #"added token "ab" has id 4, but 3 is its place"#
        ),
        (
            added(TokenizerJSONText.added(5, "x"), TokenizerJSONText.added(6, "x")),
            #"added token "x" is given twice"#
        ),
        (added(TokenizerJSONText.added(-1, "x")), #"added token "x" has id -1"#),
        (added(TokenizerJSONText.added(5, "")), "added token 1 has 0 bytes, not 1 to 512"),
        (
            added(#"{"id": 5, "content": "x"}"#),
            "added token 1 lacks one of id, content, single_word, lstrip, rstrip, normalized and "
                + "special, or has a wrong value"
        ),
        (
            TokenizerJSONText(
                added: TokenizerJSONText.added(5, " ", more: "normalized"),
                parts:
                    #", "normalizer": {"type": "Strip", "strip_left": true, "strip_right": true}"#),
            #"added token " " is normalized to nothing, or to what another one is"#
        ),
        // The parts around.
        (
            part(#""normalizer": {"type": "BertNormalizer"}"#),
            #"normalizer "BertNormalizer" is not supported"#
        ),
        (
            part(#""normalizer": {"type": "Precompiled"}, "decoder": {"type": "WordPiece"}"#),
            #"normalizer "Precompiled" is not supported; decoder "WordPiece" is not supported"#
        ),
        (
            part(
                #""pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "BertPreTokenizer"}]}"#
            ), #"pre_tokenizer "BertPreTokenizer" is not supported"#
        ),
        (part(#""pre_tokenizer": []"#), "pre_tokenizer [] has no type"),
        (
            part("\"normalizer\": \(nested(9, nested(8, #"{"type": "NFC"}"#)))"),
            "normalizer has more than 64 steps"
        ),
        (
            TokenizerJSONText(
                added: TokenizerJSONText.added(
                    5, String(repeating: "a", count: 512), more: "normalized"),
                parts: #", "normalizer": {"type": "Replace", "pattern": {"String": "a"}, "#
                    + #""content": "123456789"}"#),
            "added token \"\(String(repeating: "a", count: 120))…\" is normalized to more than "
                + "4096 bytes"
        ),
        (
            part(#""pre_tokenizer": {"type": "Sequence"}"#),
            "pre_tokenizer.Sequence.pretokenizers is missing"
        ),
        (
            part(
                #""pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": false}"#
            ),
            #"pre_tokenizer.Split.pattern "(" is not a regular expression: end pattern with unmatched parenthesis"#
        ),
        (
            part(
                #""pre_tokenizer": {"type": "Split", "pattern": {"String": "x"}, "behavior": "Kept", "invert": false}"#
            ), #"pre_tokenizer.Split.behavior "Kept" is unknown"#
        ),
        (
            part(#""pre_tokenizer": {"type": "Metaspace", "replacement": "__"}"#),
            #"pre_tokenizer.Metaspace.replacement "__" is not one character"#
        ),
        (
            part(
                #""pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "fast": true}"#),
            "pre_tokenizer.ByteLevel.fast is unknown"
        ),
        (
            part(#""pre_tokenizer": {"type": "FixedLength", "length": 0}"#),
            "pre_tokenizer.FixedLength.length 0 is 0"
        ),
        (
            part(
                #""normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": "\#(String(repeating: "a", count: 300))"}"#
            ), "normalizer can make a text more than 256 times as long"
        ),
        (
            part(#""decoder": {"type": "Strip", "content": " ", "start": -1, "stop": 0}"#),
            "decoder.Strip.start -1 is not a whole number of at least 0"
        ),
        (
            part(
                #""post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "special_tokens": {"x": {"id": "x", "ids": [77], "tokens": ["x"]}}}"#
            ), "post_processor puts id 77 before a text, which no token has"
        ),
        (part(#""version": "2.0""#), #"version "2.0" is not "1.0""#),
        (part(#""extra": 1"#), "extra is unknown"),
    ]

    @Test("what cannot be honoured is named", arguments: cannotBeUsed)
    func refuses(file: TokenizerJSONText, problem: String) throws {
        var text = file.text
        if problem.hasPrefix("version") {
            text = text.replacing(#""version": "1.0", "#, with: "")
        }
        let error = #expect(throws: TokenizerError.self) {
            try BytePairTokenizer(json: Data(text.utf8), name: "x.json")
        }
        #expect(
            error?.description
                == "x.json cannot be used: \(problem). "
                + "Give the tokenizer.json of a BPE tokenizer that does without.")
    }

    @Test(
        "what is not JSON is refused",
        arguments: [
            ("", "an object is expected (at byte 0)"),
            ("[]", "an object is expected (at byte 0)"),
            (#"{"version": "1.0","#, "a key is expected (at byte 18)"),
            (#"{"version": "1.0"} x"#, "nothing is expected after the value (at byte 19)"),
            (
                #"{"version": "1.0", "version": "1.0"}"#,
                #"key "version" is written twice (at byte 29)"#
            ),
            (
                #"{"model": {"type": "BPE", "vocab": {"a": 0, "a": 1}}}"#,
                #"the token "a" is written twice (at byte 48)"#
            ),
            (#"{"model": {"vocab": {"\ud800": 0}}}"#, "a surrogate stands alone (at byte 28)"),
        ])
    func refusesText(text: String, problem: String) {
        let error = #expect(throws: TokenizerError.self) {
            try BytePairTokenizer(json: Data(text.utf8), name: "x.json")
        }
        #expect(
            error?.description
                == "x.json is not JSON: \(problem). "
                + "Correct the file, or copy or download it again.")
    }

    @Test func deepNestingIsRefused() {
        let deep = String(repeating: "[", count: 100_000)
        for text in ["{\"normalizer\": \(deep)", "{\"model\": {\"merges\": \(deep)"] {
            let error = #expect(throws: TokenizerError.self) {
                try BytePairTokenizer(json: Data(text.utf8), name: "x.json")
            }
            #expect(error?.problem.contains("the nesting is too deep") == true)
        }
    }

    /// `<0x-1>` is a text like any other, and names no byte.
    @Test func aByteTokenThatNamesNoByteIsText() throws {
        let file = TokenizerJSONText(
            vocabulary: #""<0x-1>": 0, "<0x-0>": 1, "<0xGG>": 2, "<0x100>": 3, "a": 4"#, merges: "",
            settings: #""byte_fallback": true"#, parts: #", "decoder": {"type": "ByteFallback"}"#)
        let tokenizer = try BytePairTokenizer(json: Data(file.text.utf8))
        #expect(tokenizer.encode("aé") == [4])
        #expect(tokenizer.decode([0, 1, 2, 3, 4]) == "<0x-1><0x-0><0xGG><0x100>a")
    }

    /// Added tokens that hold each other's text are found once, the longest first.
    @Test func addedTokensWithinAddedTokens() throws {
        let file = TokenizerJSONText(
            added: [
                TokenizerJSONText.added(5, "<x>", special: false),
                TokenizerJSONText.added(6, "<x><y>", special: false),
                TokenizerJSONText.added(7, "<y><x>", special: false),
            ].joined(separator: ", "))
        let tokenizer = try BytePairTokenizer(json: Data(file.text.utf8))
        #expect(tokenizer.encode("<x><y><x>") == [6, 5])
        #expect(tokenizer.encode("<y><x><x><y>") == [7, 6])
    }

    @Test("a damaged file is refused or works", arguments: TokenizerFixture.names)
    func damagedFiles(name: String) throws {
        let file = try Data(contentsOf: TokenizerFixture.url("\(name).json"))
        var random = SplitMix(seed: 17)
        for _ in 0..<60 {
            var damaged = file
            for _ in 0...(random.next() % 3) {
                let place = Int(random.next() % UInt64(damaged.count))
                switch random.next() % 3 {
                case 0: damaged[place] ^= 1 << UInt8(random.next() % 8)
                case 1: damaged.removeSubrange(place..<min(place + 9, damaged.count))
                default: damaged[place] = Array(#"0-"{}[],:\"#.utf8)[Int(random.next() % 10)]
                }
            }
            guard let loaded = try? BytePairTokenizer(json: damaged) else { continue }
            _ = loaded.decode(loaded.encode("def value(self):\n    return <s> é日本 👍🏽"))
        }
    }
}
