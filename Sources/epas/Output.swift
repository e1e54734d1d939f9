import ArgumentParser
import EPASTraining
import Foundation

/// Standard output that cannot be written to.
enum OutputError: Error, CustomStringConvertible {
    /// Whoever read it has gone, which is no mistake: `epas ... | head`.
    case closed
    case failed(String)

    var description: String {
        switch self {
        case .closed: "Nobody reads the output any more."
        case .failed(let reason):
            "The output cannot be written: \(reason). Send it elsewhere, or free some space."
        }
    }
}

/// Writes text to standard output at once.
func write(_ text: String) throws {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
        let count = bytes.withUnsafeBytes {
            Foundation.write(STDOUT_FILENO, $0.baseAddress!, $0.count)
        }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else {
            throw errno == EPIPE
                ? OutputError.closed : OutputError.failed(String(cString: strerror(errno)))
        }
        bytes = bytes.dropFirst(count)
    }
}

/// Writes a line to standard output.
func printLine(_ line: String = "") throws {
    try write(line + "\n")
}

/// Writes a line to standard error, where nobody may be reading any more.
func printError(_ line: String) {
    StandardError.write(line + "\n")
}

/// Prints a value as one line of JSON; see ``jsonData(_:pretty:)``.
func printJSON(_ value: some Encodable) throws {
    try printLine(String(decoding: try jsonData(value), as: UTF8.self))
}

/// A value as JSON with snake-case keys in order; what is not finite becomes a string.
func jsonData(_ value: some Encodable, pretty: Bool = false) throws -> Data {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
        positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
    return try encoder.encode(value)
}

/// A value as JSON over several lines, with snake-case keys in order.
func prettyJSON(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(value)
}

/// Prints rows under a header: the first column to the left, the others to the right.
func printTable(_ header: [String], _ rows: [[String]]) throws {
    let widths = header.indices.map { column in
        ([header] + rows).map { $0[column].count }.max() ?? 0
    }
    for row in [header] + rows {
        let cells = row.enumerated().map { column, text in
            let padding = String(repeating: " ", count: widths[column] - text.count)
            return column == 0 ? text + padding : padding + text
        }
        try printLine(cells.joined(separator: "   "))
    }
}

/// A number with a fixed count of decimals.
func fixed(_ value: Double, _ decimals: Int) -> String {
    String(format: "%.\(decimals)f", value)
}

/// A large count with a metric prefix: `1.810 T`.
func scaled(_ value: Double) -> String {
    let prefixes = ["", "k", "M", "G", "T", "P", "E"]
    let thousands = value < 1 ? 0 : min(prefixes.count - 1, Int(log10(value)) / 3)
    return fixed(value / pow(1000, Double(thousands)), 3) + " " + prefixes[thousands]
}

/// A number of bytes in the unit that reads best.
func bytes(_ count: Int) -> String {
    switch count {
    case ..<(1 << 20): fixed(Double(count) / 1024, 1) + " KiB"
    case ..<(1 << 30): fixed(Double(count) / 1_048_576, 1) + " MiB"
    default: fixed(Double(count) / 1_073_741_824, 2) + " GiB"
    }
}

/// A duration such as `1:04:09` or `4:09`.
func clockTime(_ seconds: Double) -> String {
    let whole = Int(min(max(0, seconds.isFinite ? seconds : 0), 1e9).rounded())
    let rest = String(format: "%02d:%02d", whole / 60 % 60, whole % 60)
    return whole >= 3600 ? "\(whole / 3600):\(rest)" : rest
}

/// Throws a usage error (exit code 64) unless a condition holds.
func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    if !condition { throw ValidationError(message()) }
}

/// A command's input that cannot be used (exit code 1).
struct InputError: Error, CustomStringConvertible {
    let description: String
}

/// Throws an ``InputError`` unless a condition holds.
func requireInput(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    if !condition { throw InputError(description: message()) }
}
