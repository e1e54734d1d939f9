import Foundation
import Testing

@Suite("epas data prepare")
struct DataPrepareTests {
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "epas-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: folder.appending(path: "in"), withIntermediateDirectories: true)
        for i in 0..<30 {
            let text = (0..<200).map { "value_\($0 % 17) = layer.\($0 % (i + 3))" }
            try text.joined(separator: "\n").write(
                to: folder.appending(path: "in/\(i).txt"), atomically: true, encoding: .utf8)
        }
        try Data([0xff]).write(to: folder.appending(path: "in/bad.txt"))
    }

    private var input: String { folder.appending(path: "in").path }
    private var output: String { folder.appending(path: "out").path }

    private func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    private func removeFolder() {
        try? FileManager.default.removeItem(at: folder)
    }

    @Test func endsWithASummary() throws {
        defer { removeFolder() }
        let result = try Program.run([
            "data", "prepare", "--input", input, "--output", output, "--vocabulary-size", "285",
            "--validation-fraction", "0.2",
        ])
        #expect(result.status == 0)
        let lines = result.output.split(separator: "\n")
        try #require(lines.count > 6, "\(result)")
        #expect(lines[0].hasPrefix("30 documents, "))
        #expect(lines[0].hasSuffix(" bytes per token"))
        #expect(lines[1].hasPrefix("training: "))
        #expect(lines[2].hasPrefix("validation: "))
        #expect(lines[3].hasPrefix("vocabulary: 285 tokens, trained on "))
        #expect(
            lines[4...6] == [
                "left out: 1", "  1 not UTF-8, such as",
                "    \(input)/bad.txt: the text is not UTF-8 at byte 0",
            ])
        // Not a terminal: plain lines, and nothing of the tokenizer library's own log.
        #expect(!result.errors.contains("\u{1b}") && !result.errors.contains("\r"))
        #expect(!result.errors.contains("LOG"))
        let progress = result.errors.split(separator: "\n")
        #expect(progress.first?.hasPrefix("Reading: ") == true)
        #expect(progress.contains("Training the tokenizer"))
    }

    @Test func theSummaryCanBeJSON() throws {
        defer { removeFolder() }
        let result = try Program.run([
            "data", "prepare", "--input", input, "--output", output, "--vocabulary-size", "285",
            "--json",
        ])
        let fields =
            try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
        #expect(fields?["documents"] as? Int == 30)
        #expect(fields?["vocabulary_size"] as? Int == 285)
        #expect(fields?["skipped_by_reason"] as? [String: Int] == ["invalid_utf8": 1])
        #expect((fields?["bytes_per_token"] as? Double ?? 0) > 1)
    }

    @Test func strictnessIsFatal() throws {
        defer { removeFolder() }
        let result = try Program.run([
            "data", "prepare", "--input", input, "--output", output, "--vocabulary-size", "285",
            "--strict",
        ])
        #expect(result.status == 1)
        #expect(result.output == "")
        #expect(
            result.errors
                == "Error: \(input)/bad.txt cannot be used: the text is not UTF-8 at byte 0. "
                + "Correct it, or leave out --strict to go on without it.\n")
        #expect(try names() == ["in"])
    }

    @Test func aFullDiskIsNamedAndLeavesNothingBehind() throws {
        defer { removeFolder() }
        // Files of at most 4 KiB (8 blocks of 512 bytes): the first shard does not fit.
        let program = try Program(
            [
                "data", "prepare", "--input", input, "--output", output, "--vocabulary-size",
                "285",
            ], limit: "-f 8")
        let result = try program.result()
        #expect(result.status == 1)
        #expect(
            result.errors.hasSuffix(
                "Error: \(output) cannot be written: File too large. "
                    + "Free some space, or choose another --output.\n"))
        #expect(try names() == ["in"])
    }

    @Test(
        "wrong usage",
        arguments: [
            (
                ["--input", "x"],
                "Give either --tokenizer with a tokenizer, or --vocabulary-size to train one."
            ),
            (
                ["--input", "x", "--tokenizer", "t", "--vocabulary-size", "285"],
                "Give either --tokenizer with a tokenizer, or --vocabulary-size to train one."
            ),
            (
                ["--input", "x", "--tokenizer", "t", "--validation-fraction", "1"],
                "--validation-fraction is 1.0. Use 0 or more, below 1."
            ),
            (
                ["--input", "x", "--tokenizer", "t", "--threads", "-1"],
                "--threads is -1. Use 0 or more."
            ),
        ])
    func wrongUsage(arguments: [String], message: String) throws {
        defer { removeFolder() }
        let result = try Program.run(["data", "prepare", "--output", output] + arguments)
        #expect(result.status == 64)
        #expect(result.errors.hasPrefix("Error: \(message)\n"))
    }

    @Test("what a killed run leaves, the next one removes")
    func killed() throws {
        defer { removeFolder() }
        let arguments = [
            "data", "prepare", "--input", input, "--output", output, "--vocabulary-size", "285",
            "--shard-tokens",
        ]
        let program = try Program(arguments + ["2"])
        while program.isRunning, try names() == ["in"] { usleep(1_000) }
        program.send(SIGKILL)
        _ = try program.result()
        #expect(try names().count == 2)
        #expect(try Program.run(arguments + ["100000"]).status == 0)
        #expect(try names() == ["in", "out"])
    }

    @Test(
        "an interrupt leaves nothing behind, and nothing is said after that",
        arguments: [SIGINT, SIGTERM], [0, 2, 5, 10, 20, 40])
    func interrupt(signal: Int32, milliseconds: UInt32) throws {
        defer { removeFolder() }
        // Thousands of shards, each of which is brought to the disk.
        let program = try Program([
            "data", "prepare", "--input", input, "--output", output, "--vocabulary-size", "285",
            "--shard-tokens", "2",
        ])
        while program.isRunning, try names() == ["in"] { usleep(1_000) }
        usleep(1_000 * milliseconds)
        program.send(signal)
        let result = try program.result()
        #expect(result.status == 130)
        #expect(result.errors.hasSuffix("Interrupted; nothing was written.\n"))
        #expect(try names() == ["in"])
    }
}
