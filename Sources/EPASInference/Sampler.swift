import EPASModel
import Foundation

/// Chooses the next token from logits.
///
/// The settings act in this order: biases and penalties on the logits, temperature, then the
/// limits `topK`, `topP` and `minP`, each on what the one before left.
package struct Sampler: Sendable {
    /// 0 takes the most likely token; 1 samples from the model's distribution.
    package let temperature: Double
    /// Sample only from the most likely tokens, this many; `nil` is all.
    package let topK: Int?
    /// Sample only from the smallest set of tokens whose probabilities add up to this; 1 is all.
    package let topP: Double
    /// Sample only from tokens at least this likely, as a part of the likeliest one's probability.
    package let minP: Double
    /// Divides positive logits, and multiplies negative ones, of tokens that have occurred, in the
    /// prompt too (Keskar et al., 2019); 1 changes nothing.
    package let repetitionPenalty: Double
    /// Subtracted from the logits of tokens that have been generated.
    package let presencePenalty: Double
    /// Subtracted once for each time that a token has been generated.
    package let frequencyPenalty: Double
    /// Added to the logits of single tokens.
    package let logitBias: [Int32: Double]
    package let seed: UInt64

    /// - Throws: ``SamplerError`` for a setting outside its range.
    package init(
        temperature: Double = 0, topK: Int? = nil, topP: Double = 1, minP: Double = 0,
        repetitionPenalty: Double = 1, presencePenalty: Double = 0, frequencyPenalty: Double = 0,
        logitBias: [Int32: Double] = [:], seed: UInt64 = 0
    ) throws(SamplerError) {
        func check(
            _ setting: String, _ value: Double, _ range: String, _ isRight: (Double) -> Bool
        ) throws(SamplerError) {
            guard isRight(value) else {
                throw SamplerError(setting: setting, value: "\(value)", range: range)
            }
        }
        try check("temperature", temperature, "0 or more") { $0 >= 0 && $0.isFinite }
        try check("top-p", topP, "above 0, at most 1") { $0 > 0 && $0 <= 1 }
        try check("min-p", minP, "0 to 1") { (0...1).contains($0) }
        try check("repetition-penalty", repetitionPenalty, "above 0, at most 100") {
            $0 > 0 && $0 <= 100
        }
        try check("presence-penalty", presencePenalty, "-100 to 100") { (-100...100).contains($0) }
        try check("frequency-penalty", frequencyPenalty, "-100 to 100") {
            (-100...100).contains($0)
        }
        for (token, bias) in logitBias.sorted(by: { $0.key < $1.key }) {
            try check("logit-bias of token \(token)", bias, "-100 to 100") {
                (-100...100).contains($0)
            }
        }
        guard topK ?? 1 >= 1 else {
            throw SamplerError(setting: "top-k", value: "\(topK ?? 0)", range: "1 or more")
        }
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.repetitionPenalty = repetitionPenalty
        self.presencePenalty = presencePenalty
        self.frequencyPenalty = frequencyPenalty
        self.logitBias = logitBias
        self.seed = seed
    }

    /// Returns the token chosen at a position; the same arguments give the same token.
    ///
    /// - Parameters:
    ///   - logits: One per token of the vocabulary; at least one.
    ///   - position: The position to be filled, which names the random number used.
    ///   - prompt: The tokens that were given.
    ///   - generated: The tokens chosen so far.
    package func token(
        logits: [Float], position: Int, prompt: some Collection<Int32> = [Int32](),
        generated: some Collection<Int32> = [Int32]()
    ) -> Int32 {
        var logits = logits
        adjust(&logits, prompt: prompt, generated: generated)
        var best = 0
        for (index, logit) in logits.enumerated() where logit > logits[best] { best = index }
        guard temperature > 0, logits[best].isFinite else { return Int32(best) }

        let top = Double(logits[best])
        let scale = 1 / max(temperature, Self.smallestTemperature)
        var weights = logits.map { exp((Double($0) - top) * scale) }
        if let topK { keepLargest(topK, &weights) }
        if topP < 1 { keepMass(topP, &weights) }
        if minP > 0 {
            for index in weights.indices where weights[index] < minP { weights[index] = 0 }
        }

        let stream = RandomStream(seed: seed, name: "sampling")
        var rest = stream.uniform(at: UInt64(position)) * weights.reduce(0, +)
        var last = best
        for (index, weight) in weights.enumerated() where weight > 0 {
            rest -= weight
            if rest < 0 { return Int32(index) }
            last = index
        }
        return Int32(last)
    }

    /// Below this a temperature of any logits is that of the most likely token.
    private static let smallestTemperature = 1e-9

    /// Applies biases and penalties.
    private func adjust(
        _ logits: inout [Float], prompt: some Collection<Int32>,
        generated: some Collection<Int32>
    ) {
        for (token, bias) in logitBias where logits.indices.contains(Int(token)) {
            logits[Int(token)] += Float(bias)
        }
        if repetitionPenalty != 1 {
            for token in Set(prompt).union(generated)
            where logits.indices.contains(Int(token)) {
                let logit = Double(logits[Int(token)])
                logits[Int(token)] = Float(
                    logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty)
            }
        }
        guard presencePenalty != 0 || frequencyPenalty != 0 else { return }
        var counts: [Int32: Int] = [:]
        for token in generated { counts[token, default: 0] += 1 }
        for (token, count) in counts where logits.indices.contains(Int(token)) {
            logits[Int(token)] -= Float(presencePenalty + frequencyPenalty * Double(count))
        }
    }

    /// Clears all but the largest weights, this many; of equal ones the first tokens stay.
    private func keepLargest(_ count: Int, _ weights: inout [Double]) {
        guard count < weights.count else { return }
        let kept = largest(of: weights) { candidates, _ in candidates.count >= count }
            .prefix(count)
        keep(kept, &weights)
    }

    /// Clears all but the fewest of the largest weights that make up this part of the sum.
    private func keepMass(_ part: Double, _ weights: inout [Double]) {
        let wanted = part * weights.reduce(0, +)
        let candidates = largest(of: weights) { _, sum in sum >= wanted }
        var sum = 0.0
        let end = candidates.firstIndex { candidate in
            sum += weights[candidate]
            return sum >= wanted
        }
        keep(candidates.prefix((end ?? candidates.count - 1) + 1), &weights)
    }

    private func keep(_ kept: some Sequence<Int>, _ weights: inout [Double]) {
        var only = [Double](repeating: 0, count: weights.count)
        for index in kept { only[index] = weights[index] }
        weights = only
    }

    /// Returns the places of the largest weights in falling order, equal ones by place: of all
    /// weights above a bound that is lowered until there are enough. The largest weight is 1.
    ///
    /// Few tokens hold nearly all of the probability, so few are sorted.
    private func largest(
        of weights: [Double], isEnough: (_ places: [Int], _ sum: Double) -> Bool
    ) -> [Int] {
        var bound = 1.0 / 64
        while true {
            let places = weights.indices.filter { weights[$0] >= bound }
            let sum = places.reduce(0) { $0 + weights[$1] }
            if bound == 0 || isEnough(places, sum) {
                return places.sorted {
                    weights[$0] != weights[$1] ? weights[$0] > weights[$1] : $0 < $1
                }
            }
            bound = bound > 1e-12 ? bound / 64 : 0
        }
    }
}

/// A sampling setting outside its range.
package struct SamplerError: Error, Hashable, Sendable, CustomStringConvertible {
    package let setting: String
    package let value: String
    package let range: String

    package var description: String { "The \(setting) is \(value); use \(range)." }
}
