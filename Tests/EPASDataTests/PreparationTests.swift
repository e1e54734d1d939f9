import EPASData
import EPASTokenizer
import Foundation
import Testing

@Suite("Preparing data")
struct PreparationTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func preparation(
        _ inputs: [String], to output: String = "out", vocabularySize: Int = 300
    ) -> DataPreparation {
        var preparation = DataPreparation(
            inputs: inputs, output: folder[output],
            tokenizer: .trained(vocabularySize: vocabularySize))
        preparation.validationFraction = 0
        preparation.threads = 2
        return preparation
    }

    /// The documents of a split, found again by their first and last tokens.
    private func documents(_ output: URL, _ split: Split = .train) throws -> [String] {
        let dataset = try TokenDataset(output, split: split)
        let tokenizer = try dataset.tokenizer()
        let tokens = try dataset.tokens(0..<dataset.tokenCount)
        return tokens.split(separator: 2).map { document in
            #expect(document.first == 1)
            return tokenizer.decode(Array(document.dropFirst()))
        }
    }

    @Test func textFilesBecomeDocumentsInTheOrderOfTheirPaths() throws {
        for (name, text) in [
            ("in/b.txt", sampleText(1)), ("in/a/z.txt", sampleText(2)),
            ("in/a.txt", sampleText(3)), ("in/.hidden", "hidden"),
        ] {
            try folder.write(text, to: name)
        }
        let summary = try preparation([folder["in"].path]).run()
        #expect(try documents(folder["out"]) == [3, 2, 1].map { sampleText($0) })
        #expect(summary.documents == 3)
        #expect(summary.skippedCount == 0)
        #expect(summary.train.textBytes == (1...3).reduce(0) { $0 + sampleText($1).utf8.count })
        #expect(summary.tokenizerTextBytes == summary.train.textBytes)
    }

    @Test func everyKindOfFileIsRead() throws {
        let lines = try (0..<50).map { try jsonLine(sampleText($0)) }.joined(separator: "\n")
        let inputs = [
            try folder.write(lines, to: "a.jsonl"),
            try folder.write(compressed(Array(lines.utf8)), to: "b.jsonl.zst"),
            try folder.write(compressed(Array(sampleText(99).utf8)), to: "c.txt.zst"),
            try folder.write(sampleText(98), to: "d.txt"),
        ]
        try preparation(inputs).run()
        let once = (0..<50).map { sampleText($0) }
        #expect(try documents(folder["out"]) == once + once + [sampleText(99), sampleText(98)])
    }

    @Test func severalFramesAndLinesAcrossThemAreRead() throws {
        let lines = try (0..<300).map { try jsonLine(sampleText($0, words: 400)) }
        let bytes = Array(lines.joined(separator: "\r\n").utf8)
        #expect(bytes.count > 500_000)
        let cut = bytes.count / 2 + 7
        let frames = compressed(Array(bytes[..<cut])) + compressed(Array(bytes[cut...]))
        try preparation([try folder.write(frames, to: "a.jsonl.zst")]).run()
        #expect(try documents(folder["out"]) == (0..<300).map { sampleText($0, words: 400) })
    }

    @Test("the folder does not depend on the number of threads", arguments: [0, 0.3])
    func threadsDoNotMatter(validationFraction: Double) throws {
        let lines = try (0..<400).map { try jsonLine(sampleText($0)) }.joined(separator: "\n")
        let input = try folder.write(lines + "\n{}\n", to: "a.jsonl")
        var contents: [[String: Data]] = []
        for threads in [1, 2, 4] {
            var preparation = preparation([input], to: "out\(threads)")
            preparation.threads = threads
            preparation.validationFraction = validationFraction
            preparation.shardTokens = 5_000
            preparation.sampleLimit = 20_000
            try preparation.run()
            contents.append(try TemporaryFolder.contents(of: folder["out\(threads)"]))
        }
        #expect(contents[0] == contents[1])
        #expect(contents[0] == contents[2])
        #expect(contents[0].count > 4)
    }

    @Test func aGivenTokenizerIsCopied() throws {
        let input = try folder.write(sampleText(1), to: "a.txt")
        try preparation([input], to: "one").run()
        var again = preparation([input], to: "two")
        again.tokenizer = .given(folder["one/tokenizer"])
        let summary = try again.run()
        #expect(summary.tokenizerTextBytes == nil)
        #expect(
            try TemporaryFolder.contents(of: folder["one"])
                == TemporaryFolder.contents(of: folder["two"]))
    }

    /// A tokenizer.json without a model beside it is the data set's tokenizer, and is kept.
    @Test func aGivenTokenizerJSONIsUsed() throws {
        let input = try folder.write(sampleText(1), to: "a.txt")
        try preparation([input], to: "one").run()
        let given = folder["one/tokenizer"]
        try FileManager.default.removeItem(at: given.appending(path: "tokenizer.model"))
        var again = preparation([input], to: "two")
        again.tokenizer = .given(given)
        try again.run()
        let dataset = try TokenDataset(folder["two"], split: .train)
        #expect(try dataset.tokenizer() is BytePairTokenizer)
        #expect(dataset.tokenCount == (try TokenDataset(folder["one"], split: .train).tokenCount))
    }

    @Test func validationIsDrawnByContent() throws {
        let texts = (0..<1_000).map { sampleText($0, words: 5) }
        let copies = try (texts + texts).map { try jsonLine($0) }.joined(separator: "\n")
        var preparation = preparation([try folder.write(copies, to: "a.jsonl")])
        preparation.validationFraction = 0.2
        let summary = try preparation.run()
        let train = try documents(folder["out"])
        let validation = try documents(folder["out"], .validation)
        #expect(train.count + validation.count == 2_000)
        #expect(Set(train).isDisjoint(with: validation))
        #expect(Set(train).union(validation) == Set(texts))
        // Five standard deviations of a binomial draw.
        #expect(abs(validation.count / 2 - 200) < 64)
        #expect(summary.validation.documents == validation.count)
        #expect(abs(summary.validationShare - 0.2) < 0.07)

        preparation.seed = 2
        preparation.output = folder["other"]
        try preparation.run()
        #expect(try documents(folder["other"], .validation) != validation)
    }

    @Test func shardsAreBoundedAndJoinSeamlessly() throws {
        let lines = try (0..<60).map { try jsonLine(sampleText($0)) }.joined(separator: "\n")
        let input = try folder.write(lines, to: "a.jsonl")
        try preparation([input], to: "one").run()
        let whole = try TokenDataset(folder["one"], split: .train)
        for shardTokens in [97, 1_000, whole.tokenCount, whole.tokenCount + 1] {
            var cut = preparation([input], to: "cut\(shardTokens)")
            cut.shardTokens = shardTokens
            let summary = try cut.run()
            #expect(summary.train.shards == (whole.tokenCount + shardTokens - 1) / shardTokens)
            let dataset = try TokenDataset(folder["cut\(shardTokens)"], split: .train)
            #expect(
                try dataset.tokens(0..<dataset.tokenCount) == whole.tokens(0..<whole.tokenCount))
        }
    }

    @Test func unusableDocumentsAreCountedWithExamples() throws {
        var bytes = Array(try jsonLine(sampleText(1)).utf8) + [0x0a]
        for line in [
            "{\"text\": 3}", "not json", "{\"other\": \"x\"}", "{\"text\": \"\"}", "", "  ",
            "[1]", "{\"text\": null}", "{\"text\": \" \\n\"}",
        ] {
            bytes += Array(line.utf8) + [0x0a]
        }
        bytes += [0x22, 0xff, 0xfe, 0x22, 0x0a]
        bytes += Array("{\"text\": \"\(String(repeating: "x", count: 3_000))\"}\n".utf8)
        try folder.write(bytes, to: "in/a.jsonl")
        try folder.write([0x61, 0xff], to: "in/b.txt")
        try folder.write("", to: "in/c.txt")
        try folder.write(
            compressed(Array(sampleText(2, words: 900).utf8)).dropLast(9), to: "in/d.txt.zst")
        try folder.write(sampleText(3).utf8, to: "in/e.txt.zst")
        try folder.write([], to: "in/f.jsonl.zst")
        try FileManager.default.createSymbolicLink(
            at: folder["in/g.txt"], withDestinationURL: folder["nowhere"])
        try FileManager.default.createSymbolicLink(
            at: folder["in/loop"], withDestinationURL: folder["in"])

        var preparation = preparation([folder["in"].path])
        preparation.documentLimit = 2_000
        let summary = try preparation.run()
        let path = folder["in"].path
        let found = SkipReason.allCases.flatMap { reason in
            (summary.skipped[reason]?.examples ?? []).map {
                "\(reason.key) \($0.origin.dropFirst(path.count + 1)): \($0.detail)"
            }
        }
        #expect(
            found == [
                "unreadable d.txt.zst: the compressed data ends too early",
                "unreadable e.txt.zst: the compressed data is damaged (Unknown frame descriptor)",
                "unreadable f.jsonl.zst:1: the compressed data ends too early",
                "unreadable g.txt: No such file or directory",
                "too_long a.jsonl:12: the line has over 2000 bytes",
                "invalid_utf8 a.jsonl:11: the text is not UTF-8 at byte 1",
                "invalid_utf8 b.txt: the text is not UTF-8 at byte 1",
                "malformed_json a.jsonl:3: the line is not a valid JSON object",
                "malformed_json a.jsonl:8: the line is not a valid JSON object",
                "no_field a.jsonl:4: there is no field \"text\"",
                "not_a_string a.jsonl:2: the field \"text\" is not a string",
                "not_a_string a.jsonl:9: the field \"text\" is not a string",
                "empty a.jsonl:5: there is no text",
                "empty a.jsonl:10: there is no text",
                "empty c.txt: there is no text",
            ])
        #expect(try documents(folder["out"]) == [sampleText(1)])

        preparation.isStrict = true
        preparation.replaces = true
        let error = #expect(throws: DataError.self) { try preparation.run() }
        #expect(
            error?.description
                == "\(path)/a.jsonl:2 cannot be used: the field \"text\" is not a string. "
                + "Correct it, or leave out --strict to go on without it.")
        #expect(try documents(folder["out"]) == [sampleText(1)])
    }

    @Test func anotherFieldIsRead() throws {
        let line = try jsonLine(sampleText(5), field: "content")
        var preparation = preparation([try folder.write(line, to: "a.jsonl")])
        preparation.textField = "content"
        try preparation.run()
        #expect(try documents(folder["out"]) == [sampleText(5)])
    }

    @Test func patternsChooseFiles() throws {
        for name in ["a.py", "b.txt", "lib/c.py", "lib/test/d.py", "test/e.py"] {
            try folder.write(name + "\n" + sampleText(1), to: "in/" + name)
        }
        var preparation = preparation([folder["in"].path])
        preparation.include = [Glob("*.py")]
        preparation.exclude = [Glob("test")]
        try preparation.run()
        let names = try documents(folder["out"]).map { $0.prefix { $0 != "\n" } }
        #expect(names == ["a.py", "lib/c.py"])
    }

    @Test func anOutputWithinTheInputIsNotReadAgain() throws {
        try folder.write(sampleText(1), to: "in/a.txt")
        var preparation = preparation([folder["in"].path], to: "in/out")
        preparation.replaces = true
        try preparation.run()
        let summary = try preparation.run()
        #expect(summary.documents == 1)
        #expect(summary.skippedCount == 0)
    }
}
