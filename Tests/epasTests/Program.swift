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
    /// - Parameter limit: A `ulimit` option under which it runs, such as `-f 8`.
    init(_ arguments: [String], limit: String? = nil) throws {
        errors = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try Data().write(to: errors)
        let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appending(path: "epas")
        if let limit {
            process.executableURL = URL(filePath: "/bin/sh")
            process.arguments =
                ["-c", "ulimit \(limit) && exec \"$0\" \"$@\"", program.path] + arguments
        } else {
            process.executableURL = program
            process.arguments = arguments
        }
        process.standardOutput = output
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
    }

    deinit {
        if process.isRunning { process.terminate() }
        try? FileManager.default.removeItem(at: errors)
    }

    /// Runs the program to its end.
    static func run(_ arguments: [String]) throws -> Result {
        try Program(arguments).result()
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

    func send(_ signal: Int32) {
        kill(process.processIdentifier, signal)
    }
}
