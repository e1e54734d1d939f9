/// A key of the run file: what it accepts, what it is when absent, what it means.
package struct RunFileKey: Sendable {
    /// What a value must be.
    enum Kind: Sendable {
        case section
        case integer(ClosedRange<Int>)
        case number(NumberRange)
        case boolean
        case text
        case choice([String])
        /// A form of its own, described.
        case form(String)
    }

    /// What an absent key is.
    enum Fallback: Sendable {
        case required
        /// This value, as YAML.
        case value(String)
        /// What follows from other keys, described.
        case derived(String)
    }

    /// The path from the top, such as `training.steps`.
    package let path: String
    let kind: Kind
    let fallback: Fallback
    /// Such as `steps` or `tokens`; empty for pure numbers.
    package let unit: String
    /// What null means; nil where null is not accepted.
    let null: String?
    package let meaning: String

    init(
        _ path: String, _ kind: Kind, _ fallback: Fallback, unit: String = "", null: String? = nil,
        _ meaning: String
    ) {
        self.path = path
        self.kind = kind
        self.fallback = fallback
        self.unit = unit
        self.null = null
        self.meaning = meaning
    }

    /// The path without its last part; empty at the top.
    var section: String {
        path.lastIndex(of: ".").map { String(path[..<$0]) } ?? ""
    }

    var name: String {
        path.lastIndex(of: ".").map { String(path[path.index(after: $0)...]) } ?? path
    }

    /// What the key accepts, in words, such as `a whole number of at least 1`.
    package var accepted: String {
        let form =
            switch kind {
            case .section: "a mapping"
            case .integer(let range) where range.upperBound == .max:
                "a whole number of at least \(range.lowerBound)"
            case .integer(let range):
                "a whole number from \(range.lowerBound) to \(range.upperBound)"
            case .number(let range): range.description
            case .boolean: "true or false"
            case .text: "a text"
            case .choice(let names): "one of \(names.joined(separator: ", "))"
            case .form(let description): description
            }
        return null == nil ? form : "\(form), or null"
    }

    /// The value of an absent key, in words; nil for a required one.
    package var defaultText: String? {
        switch fallback {
        case .required: nil
        case .value(let text): text
        case .derived(let text): text
        }
    }
}

/// An interval of finite numbers.
struct NumberRange: Sendable, CustomStringConvertible {
    var above: Double?
    var atLeast: Double?
    var below: Double?
    var atMost: Double?

    func contains(_ value: Double) -> Bool {
        value.isFinite && above.map { value > $0 } ?? true && atLeast.map { value >= $0 } ?? true
            && below.map { value < $0 } ?? true && atMost.map { value <= $0 } ?? true
    }

    var description: String {
        func bound(_ words: String, _ value: Double?) -> String? {
            value.map { value in
                let isWhole = value == value.rounded() && abs(value) < 1e6
                return "\(words) \(isWhole ? "\(Int(value))" : "\(value)")"
            }
        }
        let bounds = [
            bound("above", above), bound("of at least", atLeast), bound("below", below),
            bound("at most", atMost),
        ]
        return "a number " + bounds.compactMap(\.self).joined(separator: " and ")
    }
}
