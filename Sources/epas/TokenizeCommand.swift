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

    func run() throws {
        let tokenizer = try loadTokenizer(at: URL(filePath: tokenizer))
        var number = 0
        while let line = readLine() {
            number += 1
            let value = try Self.value(of: line, number)
            if decode {
                print(JSONValue.string(tokenizer.decode(try Self.ids(value, number))).compactText)
            } else if let text = value.string {
                let ids = tokenizer.encode(text, allowingSpecial: special)
                print("[\(ids.lazy.map(String.init).joined(separator: ","))]")
            } else {
                throw Self.problem(number, "is not a JSON string")
            }
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
