// The rotary embedding in `config.json`. transformers 4.46 has `rope_theta` and `rope_scaling`,
// 5.x has `rope_parameters` with everything in it; a file with both must say the same in both.

import EPASJSON
import EPASModel

extension HuggingFaceConfig {
    /// What a file says of the rotary embedding.
    struct Rotary {
        var base = 10_000.0
        var scaling = RotaryScaling.none
    }

    /// Reads every spelling that the file has.
    ///
    /// - Parameter longest: What transformers takes for a length that `llama3` does not name.
    static func rotary(_ reader: inout ConfigReader, longest: Int) -> Rotary {
        var bases: [(String, Double)] = []
        var scalings: [(String, RotaryScaling)] = []
        if let base = reader.number("rope_theta") { bases.append(("rope_theta", base)) }
        if let part = reader.given("partial_rotary_factor"), part.double != 1 {
            reader.refuse("partial_rotary_factor", part, "is not supported, only 1")
        }
        for key in ["rope_scaling", "rope_parameters"] {
            guard let parameters = reader.given(key) else { continue }
            guard case .object = parameters else {
                reader.refuse(key, parameters, "is not an object")
                continue
            }
            var section = ConfigReader(parameters)
            if let part = section.given("partial_rotary_factor"), part.double != 1 {
                section.refuse("partial_rotary_factor", part, "is not supported, only 1")
            }
            if let base = section.number("rope_theta") { bases.append(("\(key).rope_theta", base)) }
            if let scaling = scaling(&section, longest: longest) { scalings.append((key, scaling)) }
            reader.problems += section.problems.map { "\(key).\($0)" }
        }
        if let first = bases.first, let other = bases.first(where: { $0.1 != first.1 }) {
            reader.problems.append(
                "\(first.0) is \(first.1), but \(other.0) is \(other.1), and programs differ in "
                    + "which they take")
        }
        if scalings.count == 2, scalings[0].1 != scalings[1].1 {
            reader.problems.append(
                "rope_scaling and rope_parameters differ, and programs differ in which they take")
        }
        return Rotary(base: bases.first?.1 ?? 10_000, scaling: scalings.first?.1 ?? .none)
    }

    /// Reads one object; `nil` where it cannot be honoured, which the reader then says.
    private static func scaling(_ section: inout ConfigReader, longest: Int) -> RotaryScaling? {
        var type = "default"
        for name in ["type", "rope_type"] {
            guard let given = section.given(name) else { continue }
            guard let text = given.string, ["default", "linear", "llama3"].contains(text) else {
                section.refuse(name, given, "is not supported, only default, linear and llama3")
                return nil
            }
            if name == "rope_type", let older = section.given("type")?.string, older != text {
                section.problems.append("rope_type is \(text), but type is \(older)")
                return nil
            }
            type = text
        }
        switch type {
        case "linear":
            guard let factor = section.requiredNumber("factor") else { return nil }
            return .linear(factor: factor)
        case "llama3":
            let factor = section.requiredNumber("factor")
            let low = section.requiredNumber("low_freq_factor")
            let high = section.requiredNumber("high_freq_factor")
            let original = section.integer("original_max_position_embeddings")
            guard let factor, let low, let high else { return nil }
            return .llama3(
                Llama3Scaling(
                    factor: factor, lowFrequencyFactor: low, highFrequencyFactor: high,
                    originalSequence: original ?? longest))
        default: return RotaryScaling.none
        }
    }

    /// The entries of the rotary embedding, in the spellings of transformers 4.46 and 5.x.
    var rotaryEntries: [(String, JSONValue)] {
        let base = ("rope_theta", JSONValue.double(model.ropeTheta))
        let scaling: [(String, JSONValue)] =
            switch model.rotaryScaling {
            case .none: [("rope_type", .string("default"))]
            case .linear(let factor):
                [("rope_type", .string("linear")), ("factor", .double(factor))]
            case .llama3(let scaling):
                [
                    ("rope_type", .string("llama3")), ("factor", .double(scaling.factor)),
                    ("low_freq_factor", .double(scaling.lowFrequencyFactor)),
                    ("high_freq_factor", .double(scaling.highFrequencyFactor)),
                    ("original_max_position_embeddings", .integer(scaling.originalSequence)),
                ]
            }
        return [
            base, ("rope_scaling", model.rotaryScaling == .none ? .null : .object(scaling)),
            ("rope_parameters", .object(scaling + [base])),
        ]
    }
}
