/// What one document is read from: a whole file, or a line of JSON.
struct Record: Sendable {
    enum Content: Sendable {
        case text([UInt8])
        case json([UInt8])
        case unusable(SkipReason, detail: String)
    }

    let origin: Origin
    let content: Content

    /// Bytes held.
    var size: Int {
        switch content {
        case .text(let bytes), .json(let bytes): bytes.count
        case .unusable: 0
        }
    }
}

/// Where a document comes from.
struct Origin: Hashable, Sendable, CustomStringConvertible {
    let path: String
    /// From 1; `nil` if the document is the file.
    let line: Int?

    var description: String { line.map { "\(path):\($0)" } ?? path }
}

/// Why a document is left out.
package enum SkipReason: String, CaseIterable, Sendable {
    case unreadable
    case tooLong
    case invalidUTF8
    case malformedJSON
    case noField
    case notAString
    case empty

    /// For people.
    package var text: String {
        switch self {
        case .unreadable: "unreadable"
        case .tooLong: "longer than the document limit"
        case .invalidUTF8: "not UTF-8"
        case .malformedJSON: "not a valid JSON object"
        case .noField: "without the text field"
        case .notAString: "with a text field that is not a string"
        case .empty: "empty"
        }
    }

    /// For programs.
    package var key: String {
        switch self {
        case .unreadable: "unreadable"
        case .tooLong: "too_long"
        case .invalidUTF8: "invalid_utf8"
        case .malformedJSON: "malformed_json"
        case .noField: "no_field"
        case .notAString: "not_a_string"
        case .empty: "empty"
        }
    }
}
