import ArgumentParser
import EPASJSON
import EPASTokenizer
import Foundation

/// `epas tokenize`: texts to token ids and back, one a line.
struct TokenizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize",
        abstract: "Turn lines of text into token ids, or back.",
        discussion: """
            Reads lines from standard input, each a JSON string such as "a\\nb", and writes the \
            ids of each as a JSON list; with --decode reads such lists and writes JSON strings. \
            No token is added at the beginning or the end.
            """)

    @Argument(help: "A checkpoint or tokenizer folder, or a tokenizer.json or tokenizer.model.")
    var tokenizer: String

    @Flag(help: "Turn ids into text.")
    var decode = false

    @Flag(help: "Let text that spells a special token become that token.")
    var special = false

    @Flag(help: "Print, instead of the ids, how fast the texts were encoded.")
    var speed = false

    func run() throws {
        let tokenizer = try loadTokenizer(at: URL(filePath: tokenizer))
        var number = 0
        var measured = Measured()
        while let line = readLine() {
            number += 1
            let value = try Self.value(of: line, number)
            if decode {
                print(JSONValue.string(tokenizer.decode(try Self.ids(value, number))).compactText)
            } else if let text = value.string {
                let ids = measured.encode(text, tokenizer, allowingSpecial: special)
                if !speed { print("[\(ids.lazy.map(String.init).joined(separator: ","))]") }
            } else {
                throw Self.problem(number, "is not a JSON string")
            }
        }
        if speed { print(measured.text) }
    }

    /// What was encoded, in which time.
    private struct Measured {
        private var bytes = 0
        private var tokens = 0
        private var time = Duration.zero

        mutating func encode(
            _ text: String, _ tokenizer: any Tokenizer, allowingSpecial: Bool
        ) -> [Int32] {
            let start = ContinuousClock.now
            let ids = tokenizer.encode(text, allowingSpecial: allowingSpecial)
            time += start.duration(to: .now)
            bytes += text.utf8.count
            tokens += ids.count
            return ids
        }

        var text: String {
            let rate = Double(bytes) / 1e6 / max(time / .seconds(1), 1e-9)
            let rounded = String(format: "%.2f", rate)
            return "\(bytes) bytes, \(tokens) tokens, \(rounded) MB/s"
        }
    }

    private static func value(of line: String, _ number: Int) throws -> JSONValue {
        var line = line
        do {
            return try line.withUTF8 { try JSONValue(UnsafeRawBufferPointer($0)) }
        } catch let failure as JSONScanner.Failure {
            throw problem(number, "is not JSON: \(failure.problem)")
        }
    }

    private static func ids(_ value: JSONValue, _ number: Int) throws -> [Int32] {
        guard case .array(let elements) = value else {
            throw problem(number, "is not a JSON list of ids")
        }
        return try elements.map { element in
            guard let id = element.integer.flatMap({ Int32(exactly: $0) }) else {
                throw problem(number, "holds \(element.quotation), which is no id")
            }
            return id
        }
    }

    private static func problem(_ number: Int, _ what: String) -> ValidationError {
        ValidationError("Line \(number) \(what). Write one JSON value on each line.")
    }
}
