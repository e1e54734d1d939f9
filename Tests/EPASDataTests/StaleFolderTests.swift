import EPASData
import Foundation
import Testing

@Suite("Folders that killed preparations left")
struct StaleFolderTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try folder.write(sampleText(1, words: 200), to: "a.txt")
    }

    /// A process that has ended.
    private static let gone: Int32 = {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/true")
        do { try process.run() } catch { fatalError("\(error)") }
        process.waitUntilExit()
        return process.processIdentifier
    }()

    private func prepare(replacing: Bool = false) throws {
        var preparation = DataPreparation(
            inputs: [folder["a.txt"].path], output: folder["out"],
            tokenizer: .trained(vocabularySize: 300))
        preparation.validationFraction = 0
        preparation.replaces = replacing
        preparation.threads = 1
        try preparation.run()
    }

    private func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted()
    }

    @Test func thoseOfProcessesThatAreGoneAreRemoved() throws {
        try folder.write("x", to: ".out.partial-\(Self.gone)-17/train/shard")
        // This process has the number of one before it, as it may in a container.
        try folder.write("x", to: ".out.partial-\(getpid())-4294967295/train/shard")
        try prepare()
        #expect(try names() == ["a.txt", "out"])
    }

    @Test func allOthersStay() throws {
        let others = [
            // The process that started this one is running.
            ".out.partial-\(getppid())-17", ".out.partial-0-17", ".out.partial--1-17",
            ".out.partial-\(Self.gone)", ".out.partial-\(Self.gone)-17-old",
            ".out.partial-\(Self.gone)-4294967296", ".other.partial-\(Self.gone)-17",
            "out.partial-\(Self.gone)-17", ".out.partial-99999999999-17",
        ]
        for name in others { try folder.write("x", to: "\(name)/shard") }
        try folder.write("x", to: ".out.partial-\(Self.gone)-18")
        let held = folder[".out.partial-\(Self.gone)-19"]
        try FileManager.default.createDirectory(at: held, withIntermediateDirectories: true)
        let descriptor = open(held.path, O_RDONLY | O_DIRECTORY)
        defer { close(descriptor) }
        #expect(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        let before = try names()
        try prepare()
        #expect(try names() == (before + ["out"]).sorted())
    }

    @Test func aDataSetThatWasAboutToBeReplacedIsPutBack() throws {
        try prepare()
        let contents = try TemporaryFolder.contents(of: folder["out"])
        let old = folder[".out.partial-\(Self.gone)-17.old"]
        try FileManager.default.moveItem(at: folder["out"], to: old)
        try folder.write("x", to: ".out.partial-\(Self.gone)-17/shard")
        #expect(throws: DataError.self) { try OutputFolder(at: folder["out"], replacing: false) }
        #expect(try names() == ["a.txt", "out"])
        #expect(try TemporaryFolder.contents(of: folder["out"]) == contents)
        // One that has been replaced is not needed.
        try folder.write("x", to: ".out.partial-\(Self.gone)-17.old/shard")
        try prepare(replacing: true)
        #expect(try names() == ["a.txt", "out"])
        #expect(try TemporaryFolder.contents(of: folder["out"]) == contents)
    }
}
