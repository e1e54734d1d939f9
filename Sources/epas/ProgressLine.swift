import EPASTraining
import Foundation

/// Progress on standard error: one line that is redrawn on a terminal, plain lines elsewhere.
final class ProgressLine {
    /// Between redraws, in seconds.
    private static let redrawInterval = 0.1
    /// Between lines where there is no terminal, in seconds.
    private static let lineInterval = 10.0

    let isTerminal = isatty(STDERR_FILENO) == 1
    private var last: Date?
    private var isDrawn = false

    /// Shows the text if it is time to. It is made only then.
    func update(_ text: @autoclosure () -> String) {
        let now = Date()
        let interval = isTerminal ? Self.redrawInterval : Self.lineInterval
        if let last, now.timeIntervalSince(last) < interval { return }
        last = now
        draw(text())
    }

    /// Shows the text at once, such as when something long begins.
    func show(_ text: String) {
        last = Date()
        draw(text)
    }

    /// Writes a line that stays.
    func finish(_ text: String) {
        clear()
        StandardError.write(text + "\n")
        if !isTerminal { last = Date() }
    }

    /// Removes the line from a terminal.
    func clear() {
        if isDrawn { StandardError.write("\r\u{1b}[K") }
        isDrawn = false
        last = nil
    }

    private func draw(_ text: String) {
        guard isTerminal else { return StandardError.write(text + "\n") }
        // The last column stays free: a terminal would go to the next line.
        StandardError.write("\r\(text.prefix(columns - 1))\u{1b}[K")
        isDrawn = true
    }

    /// The terminal's width in characters.
    var columns: Int {
        var size = winsize()
        return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1
            ? Int(size.ws_col) : 80
    }
}
