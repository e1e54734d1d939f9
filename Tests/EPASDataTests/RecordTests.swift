import EPASTesting
import Foundation
import Testing

@testable import EPASData

@Suite("Records")
struct RecordTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func records(_ path: String, limit: Int = 1 << 20) throws -> [Record] {
        let files = try InputFile.list(
            [path], include: [], exclude: [], excluded: folder["out"])
        var reader = RecordReader(files, limit: limit)
        var records: [Record] = []
        while let record = reader.next() { records.append(record) }
        #expect(reader.bytesRead == files.reduce(0) { $0 + $1.size })
        return records
    }

    private func summary(_ document: Document) -> String {
        switch document {
        case .text(let text): text
        case .skipped(let reason, _): "skipped: \(reason.key)"
        }
    }

    @Test(
        "lines of JSON",
        arguments: [
            (#"{"text":"a"}"#, "a"), (#" {"x":[{"text":"b"}],"text" : "a\n\u00e9"} "#, "a\né"),
            (#"{"text":"\ud83d\ude00\u0000"}"#, "😀\0"),
            (#"{"text":"\ud83d"}"#, "skipped: malformed_json"),
            (#"{"x":1e999999,"text":"a"}"#, "a"), (#"{"text":["a"]}"#, "skipped: not_a_string"),
            (#"{"text":true}"#, "skipped: not_a_string"), (#"{"Text":"a"}"#, "skipped: no_field"),
            (#"{"text":"a""#, "skipped: malformed_json"), ("text", "skipped: malformed_json"),
            (#""text""#, "skipped: malformed_json"),
            (#"{"text":"a"}{}"#, "skipped: malformed_json"),
            (#"{"text":" \t\u00a0"}"#, "skipped: empty"),
            (
                #"{"text":"a","x":"# + String(repeating: "[", count: 100_000),
                "skipped: malformed_json"
            ),
            (
                #"{"x":"# + String(repeating: "[", count: 100_000)
                    + String(repeating: "]", count: 100_000) + #","text":"a"}"#,
                "skipped: malformed_json"
            ),
        ])
    func json(line: String, expected: String) {
        let record = Record(
            origin: Origin(path: "a", line: 1), content: .json(Array(line.utf8)))
        #expect(summary(Document(record, field: "text")) == expected)
    }

    @Test func anyBytesAreALineOrASkip() throws {
        var random = SplitMix(seed: 4)
        let line = Array(try jsonLine("some \"text\"\n é 😀").utf8)
        var texts: Set<String> = []
        for _ in 0..<3_000 {
            var bytes = line
            for _ in 0...(random.next() % 3) {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(
                    truncatingIfNeeded: random.next())
            }
            let record = Record(origin: Origin(path: "a", line: 1), content: .json(bytes))
            texts.insert(summary(Document(record, field: "text")))
        }
        #expect(texts.isSuperset(of: ["skipped: malformed_json", "skipped: invalid_utf8"]))
    }

    @Test func linesEndWhereverTheFileIsCut() throws {
        let texts = ["", "a", "\n", "a\n", "a\nb", "a\r\nb\n\n\nc", "\n\na\n"]
        for text in texts {
            let expected = text.split(whereSeparator: \.isNewline).map(String.init)
            let found = try records(folder.write(text, to: "a.jsonl")).map { record in
                if case .json(let bytes) = record.content {
                    String(decoding: bytes, as: UTF8.self).filter { $0 != "\r" }
                } else {
                    "unusable"
                }
            }
            #expect(found == expected)
        }
    }

    @Test func aLongLineIsPassedOver() throws {
        let lines = ["a", String(repeating: "b", count: 700_000), "c", "dddddd", "eeeee"]
        let path = try folder.write(lines.joined(separator: "\n"), to: "a.jsonl")
        let found = try records(path, limit: 5).map { record in
            if case .json(let bytes) = record.content {
                "\(record.origin.line ?? 0) \(String(decoding: bytes, as: UTF8.self))"
            } else {
                "\(record.origin.line ?? 0) unusable"
            }
        }
        #expect(found == ["1 a", "2 unusable", "3 c", "4 unusable", "5 eeeee"])
    }

    @Test func everyTruncatedZstdFileIsReported() throws {
        let whole = compressed(Array(sampleText(1, words: 300).utf8))
        for count in 0..<whole.count {
            let found = try records(folder.write(whole.prefix(count), to: "a.txt.zst"))
            #expect(found.count == 1)
            guard case .unusable(.unreadable, let detail) = found[0].content else {
                Issue.record("cut at \(count), it was read")
                continue
            }
            #expect(detail == "the compressed data ends too early")
        }
        let read = try records(folder.write(whole, to: "a.txt.zst"))
        guard case .text(let bytes) = read[0].content else {
            Issue.record("the whole file was not read")
            return
        }
        #expect(bytes == Array(sampleText(1, words: 300).utf8))
    }

    @Test func aByteOrderMarkIsNoPartOfTheFirstLine() throws {
        let found = try records(folder.write("\u{feff}{}\n\u{feff}{}", to: "a.jsonl"))
        #expect(found.map(\.size) == [2, 5])
    }
}
