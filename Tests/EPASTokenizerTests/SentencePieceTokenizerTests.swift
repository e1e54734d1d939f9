import EPASTesting
import EPASTokenizer
import Foundation
import Testing

/// Trained once for all tests.
let codeTokenizer = Result {
    try SentencePieceTokenizer.train(vocabularySize: 380, on: [SampleText.code(lines: 2_000)])
}

@Suite("SentencePiece tokenizer")
struct SentencePieceTokenizerTests {
    let tokenizer: SentencePieceTokenizer

    init() throws {
        tokenizer = try codeTokenizer.get()
    }

    @Test func hasTheVocabularyOfLLaMA() {
        #expect(tokenizer.vocabularySize == 380)
        #expect(tokenizer.beginningOfSequence == 1)
        #expect(tokenizer.endOfSequence == 2)
        #expect(tokenizer.isLossless)
        #expect(tokenizer.hash.count == 64)
    }

    @Test(
        "decoding gives back what was encoded",
        arguments: [
            "", " ", "  ", "\n", "\n\n\n", "\t\t", "\0", "a\0b", "\r\n", "x = 1", " x", "x ",
            "        return value", "\u{2581}", "a\u{2581}\u{2581} b", " \u{2581} ",
            "<s> and </s> and <unk> and <0x0A>", "日本語 👩‍👩‍👧 é e\u{301}", "\u{FFFD}\u{FFFE}\u{10FFFF}",
        ])
    func roundTrip(text: String) {
        #expect(Array(tokenizer.decode(tokenizer.encode(text)).utf8) == Array(text.utf8))
    }

    @Test func roundTripOfRandomText() {
        for seed in 0..<300 as Range<UInt64> {
            let text = SampleText.unicode(scalars: 1 + Int(seed) * 3, seed: seed)
            let ids = tokenizer.encode(text)
            #expect(ids.allSatisfy { 0..<380 ~= $0 })
            #expect(Array(tokenizer.decode(ids).utf8) == Array(text.utf8), "seed \(seed)")
        }
    }

    @Test func specialTokensInTextStayText() {
        let ids = tokenizer.encode("<s>a</s><unk>")
        #expect(!ids.contains(0) && !ids.contains(1) && !ids.contains(2))
    }

    @Test func specialTokensInTrustedTextAreTokens() {
        let a = tokenizer.encode("a")
        #expect(
            tokenizer.encode("<s>a</s><unk>a<s", allowingSpecial: true)
                == [1] + a + [2, 0] + tokenizer.encode("a<s"))
    }

    /// Without a piece for it, a space would come back as the character that stands for it.
    @Test("a model without a piece for the space is known to lose it")
    func noSpacePiece() throws {
        var model = tokenizer.model
        let space = Array("\u{2581}".utf8)
        // The piece's message: its text, of three bytes, comes first.
        let found = try #require(model.firstRange(of: Data([0x0a, 0x03] + space)))
        model.replaceSubrange(found, with: Data([0x0a, 0x03] + Array("\u{2582}".utf8)))
        let other = try SentencePieceTokenizer(model: model)
        #expect(!other.isLossless)
        #expect(other.decode(other.encode("a b")) != "a b")
    }

    @Test func indentationIsShort() {
        #expect(tokenizer.encode(String(repeating: " ", count: 16)).count == 1)
        #expect(tokenizer.encode("\n").count == 1)
    }

    @Test func specialTokensHaveNoText() {
        let ids = [1] + tokenizer.encode("value") + [2]
        #expect(tokenizer.decode(ids) == "value")
    }

    @Test(arguments: [-1, 380, Int32.max, Int32.min])
    func anIdOutsideTheVocabularyReadsAsUnknown(id: Int32) {
        #expect(tokenizer.decode([id]) == tokenizer.decode([0]))
    }

    @Test func bytesThatAreNotUTF8BecomeReplacements() {
        let bytes = tokenizer.encode("é\u{0}").prefix(1)
        #expect(tokenizer.decode(Array(bytes)) == "\u{FFFD}")
    }

    /// A text long enough to be cut, against the library on pieces too short for cuts: cuts are
    /// exact if the ids of lines that end in line feeds are the ids of the whole.
    @Test func longTextIsEncodedAsItsLines() {
        let text = SampleText.code(lines: 4_000, seed: 7)
        #expect(text.utf8.count > 100_000)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let newline = tokenizer.encode("\n")
        let byLine = lines.map { tokenizer.encode(String($0)) }.joined(separator: newline)
        #expect(tokenizer.encode(text) == Array(byLine))
    }

    @Test func aMegabyteWithoutSpacesIsEncoded() {
        var random = SplitMix(seed: 3)
        let text = String(
            decoding: (0..<1_000_000).map { _ in UInt8(97 + random.next() % 26) }, as: UTF8.self)
        #expect(tokenizer.decode(tokenizer.encode(text)) == text)
    }

    @Test func trainingTwiceGivesOneModel() throws {
        let again = try SentencePieceTokenizer.train(
            vocabularySize: 380, on: [SampleText.code(lines: 2_000)])
        #expect(again.hash == tokenizer.hash)
        #expect(again.model == tokenizer.model)
    }

    @Test func aTokenizerFolderLoads() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try tokenizer.write(to: folder)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(names == ["tokenizer.json", "tokenizer.model", "tokenizer_config.json"])
        for url in [folder, folder.appending(path: "tokenizer.model")] {
            let loaded = try loadTokenizer(at: url)
            #expect(loaded.hash == tokenizer.hash)
            #expect(loaded.encode("value = 1") == tokenizer.encode("value = 1"))
        }
    }
}

@Suite("Files of a tokenizer")
struct TokenizerFilesTests {
    private struct Contents: Decodable {
        struct Model: Decodable {
            let type: String
            let vocab: [String: Int]
            let merges: [[String]]
        }
        let model: Model
    }

    private func file(_ name: String, of tokenizer: SentencePieceTokenizer) throws -> Data {
        try #require(tokenizer.files.first { $0.name == name }).contents
    }

    @Test func theSecondFormatHoldsTheSameVocabulary() throws {
        let tokenizer = try codeTokenizer.get()
        let model = try JSONDecoder().decode(
            Contents.self, from: file("tokenizer.json", of: tokenizer)
        ).model
        #expect(model.type == "BPE")
        #expect(Set(model.vocab.values) == Set(0..<tokenizer.vocabularySize))
        #expect(model.vocab["<0x0A>"].map { tokenizer.decode([Int32($0)]) } == "\n")
        // Whatever is not a special token, a byte or a character was made by a merge.
        let made = Set(model.merges.map { $0.joined() })
        for (piece, _) in model.vocab where piece.unicodeScalars.count > 1 {
            #expect(made.contains(piece) || piece.hasPrefix("<"), "\(piece)")
        }
        #expect(made.isSubset(of: model.vocab.keys))
    }

    @Test func awkwardPiecesAreQuoted() throws {
        let text = String(repeating: "\"\\\" \u{1f}\u{1f} \\\\ ", count: 50)
        let tokenizer = try SentencePieceTokenizer.train(vocabularySize: 268, on: [text])
        let model = try JSONDecoder().decode(
            Contents.self, from: file("tokenizer.json", of: tokenizer)
        ).model
        for (piece, id) in model.vocab where !piece.hasPrefix("<") {
            #expect(
                tokenizer.decode([Int32(id)]) == piece.replacing("\u{2581}", with: " "), "\(piece)")
        }
        #expect(model.vocab.count == 268)
    }

    @Test func theConfigurationNamesTheSpecialTokens() throws {
        let data = try file("tokenizer_config.json", of: codeTokenizer.get())
        let fields = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        #expect(fields?["tokenizer_class"] as? String == "PreTrainedTokenizerFast")
        #expect(fields?["bos_token"] as? String == "<s>")
        #expect(fields?["eos_token"] as? String == "</s>")
        #expect(fields?["unk_token"] as? String == "<unk>")
    }
}

@Suite("Refused tokenizers")
struct RefusedTokenizerTests {
    @Test func aMissingTokenizerIsNamed() {
        let error = #expect(throws: TokenizerError.self) {
            try loadTokenizer(at: URL(filePath: "/nowhere/tokenizer"))
        }
        #expect(
            error?.description
                == "There is no readable tokenizer at /nowhere/tokenizer. "
                + "Give a folder that holds tokenizer.json or tokenizer.model, or such a file.")
    }

    @Test(
        "a vocabulary that the text cannot fill names one that it can",
        arguments: [
            (
                size: 100, text: "some text",
                message: "A vocabulary of 100 tokens is not possible. "
                    + "Use 260 to 1048575 tokens."
            ),
            (
                size: 260, text: "some text",
                message: "A vocabulary of 260 tokens cannot hold the text's characters. "
                    + "Use at least 266."
            ),
            (
                size: 5_000, text: "some text",
                message: "The text is too small for a vocabulary of 5000 tokens. "
                    + "Use 279 or fewer, or more text."
            ),
            (
                size: 300, text: "",
                message: "There is no text to train a tokenizer on. "
                    + "Give text, or a tokenizer that is already trained."
            ),
        ])
    func refusesVocabulary(size: Int, text: String, message: String) {
        let error = #expect(throws: TokenizerError.self) {
            try SentencePieceTokenizer.train(vocabularySize: size, on: [text])
        }
        #expect(error?.description == message)
    }

    @Test func theLargestVocabularyNamedIsUsable() throws {
        let tokenizer = try SentencePieceTokenizer.train(vocabularySize: 279, on: ["some text"])
        #expect(tokenizer.vocabularySize == 279)
        #expect(tokenizer.encode("some text").count == 2)
    }

    @Test func linesOfAnyLengthTrain() throws {
        let long = String(repeating: "abcdefghij", count: 20_000)
        let tokenizer = try SentencePieceTokenizer.train(vocabularySize: 275, on: [long])
        #expect(tokenizer.encode(long).count < 100_000)
    }

    @Test func aDamagedModelIsRefusedOrLoads() throws {
        let model = try codeTokenizer.get().model
        var random = SplitMix(seed: 11)
        for cut in [0, 1, 2, 3, 100, model.count / 2, model.count - 1] {
            #expect(throws: TokenizerError.self, "cut at \(cut)") {
                try SentencePieceTokenizer(model: model.prefix(cut))
            }
        }
        for _ in 0..<1_000 {
            var damaged = model
            damaged[Int(random.next() % UInt64(model.count))] ^= 1 << UInt8(random.next() % 8)
            // A flipped bit in a piece's text or score is still a model; it must not trap.
            guard let loaded = try? SentencePieceTokenizer(model: damaged) else { continue }
            #expect(loaded.hash != (try codeTokenizer.get().hash))
            _ = loaded.decode(loaded.encode("def value(self):\n    return 1"))
        }
    }

    /// Found by fuzzing: the library loads them and then cannot encode some texts.
    @Test(
        "pieces that the library stumbles over",
        arguments: [
            (text: "W", kind: 3, problem: "piece 380, a control symbol, is a single character"),
            (text: "日", kind: 3, problem: "piece 380, a control symbol, is a single character"),
            (text: "value", kind: 3, problem: "piece 380 has the text of another one"),
            (text: "<s>", kind: 1, problem: "piece 380 has the text of another one"),
        ] as [(text: String, kind: UInt8, problem: String)])
    func stumbling(text: String, kind: UInt8, problem: String) throws {
        let tokenizer = try codeTokenizer.get()
        let bytes = Array(text.utf8)
        let piece = [0x0a, UInt8(bytes.count)] + bytes + [0x18, kind]
        let error = #expect(throws: TokenizerError.self) {
            try SentencePieceTokenizer(
                model: tokenizer.model + [0x0a, UInt8(piece.count)] + piece, name: "x.model")
        }
        #expect(
            error?.description
                == "x.model cannot be used: \(problem). "
                + "Give the tokenizer.model of a SentencePiece BPE tokenizer.")
    }

    @Test(
        "models of other kinds are refused",
        arguments: [
            (bytes: [], problem: "it is not a BPE model"),
            (bytes: [0x12, 2, 0x18, 2], problem: "it has 0 pieces"),
            (
                bytes: [0x12, 2, 0x18, 2, 0x0a, 3, 0x0a, 1, 0x61],
                problem: "it does not have exactly one unknown piece"
            ),
            (
                bytes: [0x12, 2, 0x18, 2, 0x0a, 5, 0x0a, 1, 0x61, 0x18, 2, 0x0a, 3, 0x0a, 1, 0],
                problem: "piece 1 is empty or contains NUL"
            ),
        ] as [(bytes: [UInt8], problem: String)])
    func refusesModel(bytes: [UInt8], problem: String) {
        let error = #expect(throws: TokenizerError.self) {
            try SentencePieceTokenizer(model: Data(bytes), name: "x.model")
        }
        #expect(
            error?.description
                == "x.model cannot be used: \(problem). "
                + "Give the tokenizer.model of a SentencePiece BPE tokenizer.")
    }
}
