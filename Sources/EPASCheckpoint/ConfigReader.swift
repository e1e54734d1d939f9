import EPASJSON

/// Reads values of `config.json`, collecting what is wrong; a null is an absent key.
struct ConfigReader {
    let value: JSONValue
    var problems: [String] = []

    init(_ value: JSONValue) {
        self.value = value
    }

    /// Whether the file is an object; notes it if not.
    var isObject: Bool {
        mutating get {
            if case .object = value { return true }
            problems.append("it is not an object")
            return false
        }
    }

    func given(_ key: String) -> JSONValue? {
        guard let given = value[key], !given.isNull else { return nil }
        return given
    }

    mutating func refuse(_ key: String, _ value: JSONValue, _ what: String) {
        problems.append("\(key) \(value.quotation) \(what)")
    }

    private mutating func read<Value>(
        _ key: String, _ what: String, _ convert: (JSONValue) -> Value?
    ) -> Value? {
        guard let given = given(key) else { return nil }
        guard let value = convert(given) else {
            refuse(key, given, "is not \(what)")
            return nil
        }
        return value
    }

    mutating func integer(_ key: String) -> Int? { read(key, "a whole number", \.integer) }
    mutating func number(_ key: String) -> Double? { read(key, "a number", \.double) }
    mutating func boolean(_ key: String) -> Bool? { read(key, "true or false", \.boolean) }
    mutating func text(_ key: String) -> String? { read(key, "a text", \.string) }

    mutating func requiredInteger(_ key: String) -> Int? {
        if given(key) == nil { problems.append("\(key) is missing") }
        return integer(key)
    }

    mutating func requiredNumber(_ key: String) -> Double? {
        if given(key) == nil { problems.append("\(key) is missing") }
        return number(key)
    }

    /// One token id or a list of them. Ids beyond the vocabulary, which small models keep from the
    /// defaults of a larger one, are passed over: the model cannot produce them.
    mutating func tokens(_ key: String, vocabulary: Int) -> [Int] {
        guard let given = given(key) else { return [] }
        var elements = [given]
        if case .array(let list) = given { elements = list }
        var ids: [Int] = []
        for element in elements {
            guard let id = element.integer, id >= 0 else {
                refuse(key, element, "is not a token of the vocabulary")
                continue
            }
            if id < vocabulary { ids.append(id) }
        }
        return ids
    }
}
