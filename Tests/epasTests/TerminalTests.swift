import Foundation
import Testing

@Suite("epas train on a terminal")
struct TerminalTests {
    @Test("a line with a bar is redrawn within the terminal's width", arguments: [50, 100])
    func bar(columns: Int) throws {
        let text = try Self.terminalText(
            columns: columns,
            [
                "train", "run.yaml", "--output", "runs/terminal \(columns)", "--set",
                "training.steps=400", "--set", "sharing.interval=100", "--set",
                "validation.every=200", "--set", "checkpoint.every=200",
            ])
        let lines = text.replacingOccurrences(of: "\r\n", with: "\n").split(separator: "\n")
        let drawn = lines.flatMap { $0.split(separator: "\r") }
        // A redrawn text ends with the order to clear the rest of the line.
        let redrawn = drawn.filter { $0.hasSuffix("\u{1b}[K") && $0.count > 3 }
            .map { $0.dropLast(3) }
        try #require(!redrawn.isEmpty)
        #expect(redrawn.allSatisfy { $0.count < columns && !$0.contains("\u{1b}") })
        #expect(redrawn.contains { $0.hasPrefix("Compiling the training program") })
        let steps = redrawn.filter { $0.contains("step ") }
        #expect(steps.allSatisfy { $0.contains("/400  loss ") && $0.hasSuffix(" left") })
        if columns == 100 {
            #expect(steps.contains { $0.hasPrefix("[#") && $0.contains("-]  step ") })
        }
        // What stays on the screen.
        let left = lines.map { $0.split(separator: "\r").last ?? "" }
            .map { $0.hasPrefix("\u{1b}[K") ? $0.dropFirst(3) : $0 }
        #expect(left.allSatisfy { !$0.contains("\u{1b}") })
        #expect(left.first?.hasPrefix("memory: weights and moments ") == true)
        #expect(left.dropFirst().first?.hasPrefix("step 1/400  loss ") == true)
        #expect(left.contains { $0.hasPrefix("step 101/400") && $0.hasSuffix("sharing qk:1") })
        #expect(left.contains { $0.hasPrefix("step 200  validation loss ") })
        #expect(left.contains("step 400  saved step-00000400"))
        #expect(left.last?.hasPrefix("Finished: ") == true)
    }

    /// What a terminal of that many columns receives as standard error.
    private static func terminalText(columns: Int, _ arguments: [String]) throws -> String {
        let master = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        defer { close(master) }
        // Linux's way (man 4 pts): unlock the other end, and ask for its number.
        var (locked, number) = (Int32(0), UInt32(0))
        let isOpen =
            master >= 0 && ioctl(master, 0x4004_5431 as UInt, &locked) == 0  // TIOCSPTLCK
            && ioctl(master, 0x8004_5430 as UInt, &number) == 0  // TIOCGPTN
        try #require(isOpen)
        let slave = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
        try #require(slave >= 0)
        var size = winsize(
            ws_row: 24, ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        let isSized = ioctl(slave, UInt(TIOCSWINSZ), &size) == 0
        try #require(isSized)
        let program = try Program(
            arguments, in: Pipeline.get().folder,
            errorTerminal: FileHandle(fileDescriptor: slave, closeOnDealloc: false))
        close(slave)
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(master, &buffer, buffer.count)
            // Reading fails once the program, the last to hold the other end, is gone.
            guard count > 0 else { break }
            text += buffer[..<count]
        }
        #expect(try program.result().status == 0)
        return String(decoding: text, as: UTF8.self)
    }
}
