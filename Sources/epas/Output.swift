import ArgumentParser
import Foundation

/// Prints a value as one line of JSON with snake-case keys in order.
func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
}

/// A value as JSON over several lines, with snake-case keys in order.
func prettyJSON(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(value)
}

/// Prints rows under a header: the first column to the left, the others to the right.
func printTable(_ header: [String], _ rows: [[String]]) {
    print(tableText(header, rows))
}

/// The lines of a table; see ``printTable(_:_:)``.
func tableText(_ header: [String], _ rows: [[String]]) -> String {
    let widths = header.indices.map { column in
        ([header] + rows).map { $0[column].count }.max() ?? 0
    }
    return ([header] + rows).map { row in
        row.enumerated().map { column, text in
            let padding = String(repeating: " ", count: widths[column] - text.count)
            return column == 0 ? text + padding : padding + text
        }.joined(separator: "   ")
    }.joined(separator: "\n")
}

/// A number with a fixed count of decimals.
func fixed(_ value: Double, _ decimals: Int) -> String {
    String(format: "%.\(decimals)f", value)
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

/// Writes a line to standard error.
func printError(_ line: String) {
    // A message that nobody reads any more is no reason to stop.
    try? FileHandle.standardError.write(contentsOf: Data((line + "\n").utf8))
}

/// Throws a usage error (exit code 64) unless a condition holds.
func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    if !condition { throw ValidationError(message()) }
}
