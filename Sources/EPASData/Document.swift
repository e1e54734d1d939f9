import Foundation

/// A record that became a document, or why it did not.
enum Document: Sendable {
    case text(String)
    case skipped(SkipReason, detail: String)

    /// - Parameter field: The JSON field that holds the text.
    init(_ record: Record, field: String) {
        switch record.content {
        case .unusable(let reason, let detail): self = .skipped(reason, detail: detail)
        case .text(let bytes): self = Self.document(bytes)
        case .json(let bytes): self = Self.document(json: bytes, field: field)
        }
    }

    private static func document(_ bytes: [UInt8]) -> Document {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            return .skipped(.invalidUTF8, detail: invalidByte(bytes))
        }
        return document(text)
    }

    private static func document(_ text: String) -> Document {
        text.allSatisfy(\.isWhitespace)
            ? .skipped(.empty, detail: "there is no text") : .text(text)
    }

    private static func document(json: [UInt8], field: String) -> Document {
        guard String(validating: json, as: UTF8.self) != nil else {
            return .skipped(.invalidUTF8, detail: invalidByte(json))
        }
        let decoder = JSONDecoder()
        decoder.userInfo[FieldOfObject.fieldKey] = field
        do {
            return document(try decoder.decode(FieldOfObject.self, from: Data(json)).text)
        } catch let flaw as FieldOfObject.Flaw {
            return switch flaw {
            case .noField: .skipped(.noField, detail: "there is no field \"\(field)\"")
            case .notAString:
                .skipped(.notAString, detail: "the field \"\(field)\" is not a string")
            }
        } catch {
            return .skipped(.malformedJSON, detail: "the line is not a valid JSON object")
        }
    }

    private static func invalidByte(_ bytes: [UInt8]) -> String {
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        var offset = 0
        while case .scalarValue(let scalar) = decoder.decode(&iterator) {
            offset += UTF8.width(scalar)
        }
        return "the text is not UTF-8 at byte \(offset)"
    }
}

/// One string field of a JSON object whose other fields may be anything.
private struct FieldOfObject: Decodable {
    enum Flaw: Error {
        case noField, notAString
    }

    static let fieldKey = CodingUserInfoKey(rawValue: "field")!

    struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    let text: String

    init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        guard let field = decoder.userInfo[Self.fieldKey] as? String else {
            fatalError("no field was asked for")
        }
        let key = Key(stringValue: field)
        guard object.contains(key) else { throw Flaw.noField }
        do {
            text = try object.decode(String.self, forKey: key)
        } catch DecodingError.typeMismatch, DecodingError.valueNotFound {
            throw Flaw.notAString
        }
    }
}
