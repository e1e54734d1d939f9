import Foundation
import Synchronization

/// Runs of the `epas` program that was built beside these tests.
final class Program {
    struct Result {
        let status: Int32
        let output: String
        let errors: String
    }

    private let process = Process()
    private let output = Pipe()
    private let errors: URL

    /// Starts the program.
    ///
    /// - Parameters:
    ///   - limit: A `ulimit` option under which it runs, such as `-f 8`.
    ///   - script: Shell text that runs it as `"$0" "$@"`.
    ///   - folder: The working directory; this process's by default.
    ///   - errorTerminal: A terminal to use as standard error.
    init(
        _ arguments: [String], limit: String? = nil, script: String? = nil,
        in folder: URL? = nil, errorTerminal: FileHandle? = nil
    ) throws {
        errors = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try Data().write(to: errors)
        let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appending(path: "epas")
        let script = script ?? limit.map { "ulimit \($0) && exec \"$0\" \"$@\"" }
        if let script {
            process.executableURL = URL(filePath: "/bin/sh")
            process.arguments = ["-c", script, program.path] + arguments
        } else {
            process.executableURL = program
            process.arguments = arguments
        }
        process.environment = ProcessInfo.processInfo.environment.merging(
            // Compiled programs are kept for this test run alone.
            ["XDG_CACHE_HOME": TestFolder.shared.appending(path: "cache").path]
        ) { $1 }
        if let folder { process.currentDirectoryURL = folder }
        process.standardOutput = output
        process.standardError = try errorTerminal ?? FileHandle(forWritingTo: errors)
        try process.run()
    }

    deinit {
        if process.isRunning { process.terminate() }
        try? FileManager.default.removeItem(at: errors)
    }

    /// Runs shell text in which `"$0"` is the program.
    static func run(script: String) throws -> Result {
        try Program([], script: script).result()
    }

    /// Runs the program to its end.
    static func run(_ arguments: [String], in folder: URL? = nil) throws -> Result {
        try Program(arguments, in: folder).result()
    }

    /// Waits for the program's end.
    func result() throws -> Result {
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Result(
            status: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
            errors: errorsSoFar)
    }

    /// What the program wrote to standard error until now.
    var errorsSoFar: String {
        (try? String(contentsOf: errors, encoding: .utf8)) ?? ""
    }

    var isRunning: Bool { process.isRunning }

    /// Whether a signal reaches a handler of the program's (proc(5), `SigCgt`).
    func catches(_ signal: Int32) -> Bool {
        let path = "/proc/\(process.processIdentifier)/status"
        // Foundation reads files by their size, which is 0 here.
        guard let file = FileHandle(forReadingAtPath: path), let bytes = try? file.readToEnd(),
            let match = String(decoding: bytes, as: UTF8.self).firstMatch(of: #/SigCgt:\s*(\w+)/#),
            let signals = UInt64(match.1, radix: 16)
        else { return false }
        return signals & 1 << UInt64(signal - 1) != 0
    }

    func send(_ signal: Int32) {
        kill(process.processIdentifier, signal)
    }
}
