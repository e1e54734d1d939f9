import EPASModel
import Foundation

/// Chooses the next token from logits.
package struct Sampler: Sendable {
    /// 0 takes the most likely token; 1 samples from the model's distribution.
    package let temperature: Double
    /// Sample only from the most likely tokens, this many; `nil` is all.
    package let topK: Int?
    /// Sample only from the smallest set of tokens whose probabilities add up to this; 1 is all.
    package let topP: Double
    package let seed: UInt64

    /// - Throws: ``SamplerError`` for a setting outside its range.
    package init(
        temperature: Double = 0, topK: Int? = nil, topP: Double = 1, seed: UInt64 = 0
    ) throws(SamplerError) {
        guard temperature >= 0, temperature.isFinite else {
            throw SamplerError(setting: "temperature", value: "\(temperature)", range: "0 or more")
        }
        guard topP > 0, topP <= 1 else {
            throw SamplerError(setting: "top-p", value: "\(topP)", range: "above 0, at most 1")
        }
        guard topK ?? 1 >= 1 else {
            throw SamplerError(setting: "top-k", value: "\(topK ?? 0)", range: "1 or more")
        }
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.seed = seed
    }

    /// Returns the token chosen at a position; the same arguments give the same token.
    ///
    /// - Parameters:
    ///   - logits: One per token of the vocabulary; at least one.
    ///   - position: The position to be filled, which names the random number used.
    package func token(logits: [Float], position: Int) -> Int32 {
        var best = 0
        for (index, logit) in logits.enumerated() where logit > logits[best] { best = index }
        guard temperature > 0, logits[best].isFinite else { return Int32(best) }

        // Most likely first; equal logits by token, so that the order is the same everywhere.
        var candidates = logits.indices.sorted {
            logits[$0] != logits[$1] ? logits[$0] > logits[$1] : $0 < $1
        }
        if let topK { candidates = Array(candidates.prefix(topK)) }
        let top = Double(logits[best])
        var weights = candidates.map { exp((Double(logits[$0]) - top) / temperature) }
        if topP < 1 {
            let wanted = topP * weights.reduce(0, +)
            var sum = 0.0
            let kept = weights.firstIndex { weight in
                sum += weight
                return sum >= wanted
            }
            if let kept { weights = Array(weights.prefix(kept + 1)) }
        }
        let stream = RandomStream(seed: seed, name: "sampling")
        var rest = stream.uniform(at: UInt64(position)) * weights.reduce(0, +)
        for (index, weight) in weights.enumerated() {
            rest -= weight
            if rest < 0 { return Int32(candidates[index]) }
        }
        return Int32(candidates[weights.count - 1])
    }
}

/// A sampling setting outside its range.
package struct SamplerError: Error, Hashable, Sendable, CustomStringConvertible {
    package let setting: String
    package let value: String
    package let range: String

    package var description: String { "The \(setting) is \(value); use \(range)." }
}
