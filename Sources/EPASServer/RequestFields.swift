import EPASJSON
import HTTPTypes

/// The fields of a request's JSON object, each read once.
struct RequestFields {
    private let fields: [String: JSONValue]
    /// In the request's order, for the first that nobody asked for.
    private let names: [String]
    private var asked: Set<String> = []

    init(_ body: [UInt8]) throws(APIError) {
        guard !body.isEmpty else {
            throw APIError(.badRequest, "The body is empty. Send a JSON object.")
        }
        let result = body.withUnsafeBytes { bytes in
            Result { () throws(JSONScanner.Failure) in try JSONValue(bytes) }
        }
        switch result {
        case .success(.object(let entries)):
            names = entries.map(\.0)
            // The parser refuses a key that is written twice.
            fields = Dictionary(entries) { first, _ in first }
        case .success:
            throw APIError(.badRequest, "The body is not a JSON object. Send one.")
        case .failure(let failure):
            throw APIError(
                .badRequest,
                "The body is not usable JSON: at byte \(failure.offset), \(failure.problem). "
                    + "Correct it.")
        }
    }

    /// The value of a field; `nil` where it is absent or null.
    mutating func value(_ name: String) -> JSONValue? {
        asked.insert(name)
        guard let value = fields[name], !value.isNull else { return nil }
        return value
    }

    mutating func integer(_ name: String, in range: ClosedRange<Int>) throws(APIError) -> Int? {
        guard let value = value(name) else { return nil }
        guard let integer = value.integer, range.contains(integer) else {
            throw .invalid(
                name,
                "\(name) is \(value.quotation). Use a whole number from \(range.lowerBound) "
                    + "to \(range.upperBound).")
        }
        return integer
    }

    mutating func number(_ name: String, in range: ClosedRange<Double>) throws(APIError) -> Double?
    {
        guard let value = value(name) else { return nil }
        guard let number = value.double, range.contains(number) else {
            throw .invalid(
                name,
                "\(name) is \(value.quotation). Use a number from \(range.lowerBound.shortText) "
                    + "to \(range.upperBound.shortText).")
        }
        return number
    }

    mutating func boolean(_ name: String) throws(APIError) -> Bool? {
        guard let value = value(name) else { return nil }
        guard let boolean = value.boolean else {
            throw .invalid(name, "\(name) is \(value.quotation). Use true or false.")
        }
        return boolean
    }

    mutating func string(_ name: String) throws(APIError) -> String? {
        guard let value = value(name) else { return nil }
        guard let string = value.string else {
            throw .invalid(name, "\(name) is \(value.quotation). Use a string.")
        }
        return string
    }

    /// Marks fields that change nothing here.
    mutating func ignore(_ names: String...) { asked.formUnion(names) }

    /// Refuses fields whose request we could not fulfil, unless they ask for nothing.
    mutating func refuse(_ names: String...) throws(APIError) {
        for name in names {
            guard let value = value(name) else { continue }
            switch value {
            case .array(let elements) where elements.isEmpty: continue
            case .string(""), .boolean(false): continue
            default:
                throw .invalid(
                    name, "\(name) is not supported. Leave it out.", code: "unsupported_parameter")
            }
        }
    }

    /// Refuses what nobody asked for: a misspelt field would be ignored silently.
    func end() throws(APIError) {
        guard let name = names.first(where: { !asked.contains($0) }) else { return }
        throw .invalid(
            shown(name), "The field \"\(shown(name))\" is unknown. Leave it out, or correct it.",
            code: "unknown_parameter")
    }
}

extension Double {
    /// Without the fraction where there is none.
    fileprivate var shortText: String {
        self == rounded() && magnitude < 1e15 ? "\(Int(self))" : "\(self)"
    }
}
