import EPASTesting
import EPASTokenizer
import Foundation
import Testing

@Suite("tokenizer.json")
struct BytePairTokenizerTests {
    @Test(
        "normalization forms, one character at a time and many",
        arguments: [
            ("NFC", "e\u{301}", "é"), ("NFC", "a\u{301}\u{323}", "\u{1EA1}\u{301}"),
            ("NFC", "\u{1112}\u{1161}\u{11AB}", "한"), ("NFC", "\u{212B}", "Å"),
            ("NFD", "\u{1EA1}\u{301}", "a\u{323}\u{301}"), ("NFD", "한", "\u{1112}\u{1161}\u{11AB}"),
            ("NFD", "\u{F73}\u{F71}", "\u{F71}\u{F71}\u{F72}"), ("NFKC", "ﬁ①", "fi1"),
            ("NFKC", "\u{FF76}\u{FF9E}", "ガ"), ("NFKD", "\u{FDFA}", "صلى الله عليه وسلم"),
            ("NFKD", "¨\u{323}", " \u{323}\u{308}"),
        ])
    func normalizationForms(form: String, text: String, expected: String) throws {
        let json = try String(contentsOf: TokenizerFixture.url("legacy.json"), encoding: .utf8)
        func tokenizer(_ normalizer: String) throws -> BytePairTokenizer {
            let start = try #require(json.range(of: "\"normalizer\":"))
            let end = try #require(json.range(of: "\"pre_tokenizer\":"))
            return try BytePairTokenizer(
                json: Data(
                    (json[..<start.upperBound] + normalizer + "," + json[end.lowerBound...]).utf8))
        }
        let (form, plain) = (try tokenizer("{\"type\": \"\(form)\"}"), try tokenizer("null"))
        for count in [1, 3, 2000] {
            // A character of a later version goes through unchanged and joins nothing.
            let (given, wanted) = (text + "\u{1FA70}x", expected + "\u{1FA70}x")
            #expect(
                form.encode(String(repeating: given, count: count))
                    == plain.encode(String(repeating: wanted, count: count)))
        }
    }

    @Test("ids and texts are those of the library tokenizers", arguments: TokenizerFixture.names)
    func equalsTheLibrary(name: String) throws {
        let expected = try TokenizerFixture.expected()
        let tokenizer = try BytePairTokenizer(at: TokenizerFixture.url("\(name).json"))
        let one = try #require(expected.cases.first { $0.file == "\(name).json" })
        for (index, text) in expected.texts.enumerated() {
            #expect(tokenizer.encode(text) == one.ids[index], "\(text.debugDescription)")
            #expect(
                tokenizer.encode(text, allowingSpecial: true) == one.special[index],
                "\(text.debugDescription)")
            #expect(
                Array(tokenizer.decode(one.special[index]).utf8) == Array(one.decoded[index].utf8))
        }
    }

    @Test func specialTokensStayTextUnlessAskedFor() throws {
        let tokenizer = try BytePairTokenizer(at: TokenizerFixture.url("byte-level.json"))
        let text = "a<|eot_id|>b"
        #expect(!tokenizer.encode(text).contains(602))
        #expect(tokenizer.decode(tokenizer.encode(text)) == text)
        #expect(tokenizer.encode(text, allowingSpecial: true).contains(602))
        #expect(tokenizer.decode(tokenizer.encode(text, allowingSpecial: true)) == "ab")
    }

    /// Words of the vocabulary are taken whole, special ones excepted.
    @Test func noRouteLeadsToASpecialToken() throws {
        var file = TokenizerJSONText(
            settings: #""unk_token": "<unk>", "ignore_merges": true"#,
            added: TokenizerJSONText.added(3, "ab"))
        for settings in [file.settings, #""unk_token": "<unk>""#] {
            file.settings = settings
            let tokenizer = try BytePairTokenizer(json: Data(file.text.utf8))
            #expect(tokenizer.encode("ab") == [1, 2])
            #expect(tokenizer.encode("ab", allowingSpecial: true) == [3])
        }
    }

    @Test func theUnknownTokenStandsForText() throws {
        let file = TokenizerJSONText(added: TokenizerJSONText.added(0, "<unk>"))
        let tokenizer = try BytePairTokenizer(json: Data(file.text.utf8))
        #expect(tokenizer.encode("aéb") == [1, 0, 2])
        #expect(tokenizer.encode("<unk>") == [0, 0, 0, 0, 0])
    }

    @Test func idsWithoutATokenHaveNoText() throws {
        let file = TokenizerJSONText(
            vocabulary: #""a": 1, "b": 2, "ab": 7"#, settings: #""x": null"#)
        #expect(throws: TokenizerError.self) { try BytePairTokenizer(json: Data(file.text.utf8)) }
        var holes = file
        holes.settings = #""unk_token": null"#
        holes.parts = #", "decoder": {"type": "Fuse"}"#
        let tokenizer = try BytePairTokenizer(json: Data(holes.text.utf8))
        #expect(tokenizer.vocabularySize == 8)
        #expect(tokenizer.decode([0, 1, 3, 7, 8, -1, .max, .min]) == "aab")
    }

    @Test func aLongWordTakesNoLongerThanItsLength() throws {
        let tokenizer = try BytePairTokenizer(at: TokenizerFixture.url("metaspace.json"))
        var random = SplitMix(seed: 3)
        let text = String(
            decoding: (0..<200_000).map { _ in UInt8(97 + random.next() % 26) }, as: UTF8.self)
        #expect(tokenizer.decode(tokenizer.encode(text)) == text)
    }

    /// Texts that make the expression try every way to split a run.
    @Test func aRunOfSpacesIsEncoded() throws {
        let tokenizer = try BytePairTokenizer(at: TokenizerFixture.url("byte-level.json"))
        let text = String(repeating: " ", count: 100_000) + "x"
        #expect(tokenizer.decode(tokenizer.encode(text)) == text)
    }

    /// A search that would take for ever is given up: the text stays in one piece.
    @Test func anExpressionThatExplodesEnds() throws {
        let pattern = #"{"Regex": "(a|a|aa|a+)+$"}"#
        let file = TokenizerJSONText(
            parts: """
                , "pre_tokenizer": {"type": "Split", "pattern": \(pattern), \
                "behavior": "Isolated", "invert": false}, "decoder": {"type": "Fuse"}
                """)
        let tokenizer = try BytePairTokenizer(json: Data(file.text.utf8))
        let text = String(repeating: "a", count: 64) + "b"
        #expect(tokenizer.decode(tokenizer.encode(text)) == text)
    }

    @Test func manyThreadsMayEncodeAtOnce() async throws {
        let tokenizer = try BytePairTokenizer(at: TokenizerFixture.url("byte-level.json"))
        let texts = (0..<40).map { SampleText.unicode(scalars: 200, seed: $0) }
        let expected = texts.map { tokenizer.encode($0) }
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<4 {
                group.addTask { texts.map { tokenizer.encode($0) } == expected }
            }
            for await isEqual in group { #expect(isEqual) }
        }
    }
}

@Suite("Choice of a tokenizer")
struct TokenizerChoiceTests {
    private func copy(_ name: String, to folder: TemporaryFolder) throws {
        try FileManager.default.copyItem(
            at: TokenizerFixture.url(name), to: folder.url.appending(path: "tokenizer.json"))
    }

    @Test func aFolderWithOnlyTheJSONLoads() throws {
        let folder = try TemporaryFolder()
        try copy("metaspace.json", to: folder)
        let tokenizer = try loadTokenizer(at: folder.url)
        #expect(tokenizer is BytePairTokenizer)
        #expect(tokenizer.vocabularySize == 700)
        #expect(tokenizer.files.map(\.name) == ["tokenizer.json"])
        #expect(tokenizer.beginningOfSequence == nil)
        #expect(tokenizer.endOfSequence == nil)
    }

    /// The hash of a model trained here is what datasets and checkpoints name.
    @Test func ourOwnFolderIsItsModel() throws {
        let trained = try codeTokenizer.get()
        let folder = try TemporaryFolder()
        try trained.write(to: folder.url)
        let loaded = try loadTokenizer(at: folder.url)
        #expect(loaded is SentencePieceTokenizer)
        #expect(loaded.hash == trained.hash)
    }

    @Test func someoneElsesJSONComesBeforeTheModel() throws {
        let folder = try TemporaryFolder()
        try codeTokenizer.get().write(to: folder.url)
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            try FileManager.default.removeItem(at: folder.url.appending(path: name))
        }
        try copy("byte-level.json", to: folder)
        let loaded = try loadTokenizer(at: folder.url)
        #expect(loaded.vocabularySize == 603)
        // The copy of a copy is the same tokenizer.
        let second = try TemporaryFolder()
        try loaded.write(to: second.url)
        #expect(try loadTokenizer(at: second.url).hash == loaded.hash)
    }

    /// The file that we write for others gives the ids of the model.
    @Test func ourJSONIsObeyedLikeOurModel() throws {
        let trained = try codeTokenizer.get()
        let file = try #require(trained.files.first { $0.name == "tokenizer.json" })
        let json = try BytePairTokenizer(json: file.contents)
        #expect(json.beginningOfSequence == 1)
        for seed in 0..<30 as Range<UInt64> {
            let text = SampleText.code(lines: 5, seed: seed)
            #expect(json.encode(text) == trained.encode(text))
            #expect(json.decode(json.encode(text)) == text)
        }
    }

    @Test(
        "the tokens around a document are named by the files beside",
        arguments: [
            (
                files: ["tokenizer_config.json": #"{"bos_token": "<|begin_of_text|>"}"#],
                begin: 600, end: nil
            ),
            (
                files: [
                    "tokenizer_config.json":
                        #"{"bos_token": null, "eos_token": {"content": "<|eot_id|>"}}"#
                ], begin: nil, end: 602
            ),
            (
                files: [
                    "tokenizer_config.json":
                        #"{"add_bos_token": false, "bos_token": "<|begin_of_text|>"}"#,
                    "special_tokens_map.json": #"{"eos_token": "<|end_of_text|>"}"#,
                ], begin: nil, end: 601
            ),
            (
                files: ["generation_config.json": #"{"eos_token_id": [601, 602]}"#],
                begin: nil, end: 601
            ),
            (files: ["generation_config.json": #"{"eos_token_id": 9999}"#], begin: nil, end: nil),
        ] as [(files: [String: String], begin: Int32?, end: Int32?)])
    func namesTokens(files: [String: String], begin: Int32?, end: Int32?) throws {
        let folder = try TemporaryFolder()
        try copy("byte-level.json", to: folder)
        for (name, text) in files { try folder.write(text, to: name) }
        let tokenizer = try loadTokenizer(at: folder.url)
        #expect(tokenizer.beginningOfSequence == begin)
        #expect(tokenizer.endOfSequence == end)
    }

    @Test func aTokenThatDoesNotExistIsNamed() throws {
        let folder = try TemporaryFolder()
        try copy("byte-level.json", to: folder)
        try folder.write(#"{"eos_token": "</s>"}"#, to: "tokenizer_config.json")
        let error = #expect(throws: TokenizerError.self) { try loadTokenizer(at: folder.url) }
        #expect(
            error?.description.hasSuffix(
                "tokenizer_config.json names the token \"</s>\", which "
                    + "\(folder.url.path)/tokenizer.json does not have. Correct the name, or give "
                    + "both files of one tokenizer.") == true)
    }
}
