import EPASInference
import Foundation
import Testing

@Suite struct SamplerTests {
    /// Probabilities 0.4, 0.3, 0.2, 0.06, 0.04, not in order.
    private let logits: [Float] = [0.2, 0.04, 0.4, 0.06, 0.3].map { log($0) }

    /// How often each token is chosen, over many positions.
    private func frequencies(_ sampler: Sampler, count: Int = 20_000) -> [Double] {
        var counts = [Double](repeating: 0, count: logits.count)
        for position in 0..<count {
            counts[Int(sampler.token(logits: logits, position: position))] += 1
        }
        return counts.map { $0 / Double(count) }
    }

    @Test(
        "tokens are drawn in proportion, from what the limits leave",
        arguments: [
            (1.0, nil, 1.0, 0.0, [0.2, 0.04, 0.4, 0.06, 0.3]),
            // Squared and normalized.
            (0.5, nil, 1.0, 0.0, [0.1355, 0.0054, 0.5420, 0.0122, 0.3049]),
            (1.0, 2, 1.0, 0.0, [0, 0, 0.5714, 0, 0.4286]),
            (1.0, 1, 1.0, 0.0, [0, 0, 1, 0, 0]),
            (1.0, 100, 1.0, 0.0, [0.2, 0.04, 0.4, 0.06, 0.3]),
            (1.0, nil, 0.65, 0.0, [0, 0, 0.5714, 0, 0.4286]),
            (1.0, nil, 0.75, 0.0, [0.2222, 0, 0.4444, 0, 0.3333]),
            (1.0, nil, 1e-9, 0.0, [0, 0, 1, 0, 0]),
            (1.0, nil, 1.0, 0.4, [0.2222, 0, 0.4444, 0, 0.3333]),
            (1.0, nil, 1.0, 1.0, [0, 0, 1, 0, 0]),
            // The smallest temperature that is not 0.
            (1e-300, nil, 1.0, 0.0, [0, 0, 1, 0, 0]),
        ] as [(Double, Int?, Double, Double, [Double])])
    func distribution(
        temperature: Double, topK: Int?, topP: Double, minP: Double, expected: [Double]
    ) throws {
        let sampler = try Sampler(
            temperature: temperature, topK: topK, topP: topP, minP: minP, seed: 3)
        for (found, expected) in zip(frequencies(sampler), expected) {
            // Four standard deviations of a frequency over 20,000 draws.
            let bound = 4 * (expected * (1 - expected) / 20_000).squareRoot() + 1e-4
            #expect(abs(found - expected) <= bound)
        }
    }

    @Test("penalties and biases act on the tokens they name")
    func adjustments() throws {
        func choice(
            _ sampler: Sampler, prompt: [Int32] = [], generated: [Int32] = []
        ) -> Int32 {
            sampler.token(
                logits: [1, -1, 2, 1.5], position: 0, prompt: prompt, generated: generated)
        }
        #expect(choice(try Sampler()) == 2)
        #expect(choice(try Sampler(logitBias: [1: 4])) == 1)
        #expect(choice(try Sampler(logitBias: [2: -100, 900: 1, -4: 1])) == 3)
        #expect(choice(try Sampler(repetitionPenalty: 1.5), prompt: [2]) == 3)
        #expect(choice(try Sampler(repetitionPenalty: 1.5), generated: [2, 2, 3]) == 2)
        #expect(choice(try Sampler(repetitionPenalty: 0.1), prompt: [0]) == 0)
        #expect(choice(try Sampler(presencePenalty: 0.6), prompt: [2]) == 2)
        #expect(choice(try Sampler(presencePenalty: 0.6), generated: [2]) == 3)
        #expect(choice(try Sampler(frequencyPenalty: 0.3), generated: [2]) == 2)
        #expect(choice(try Sampler(frequencyPenalty: 0.3), generated: [2, 2]) == 3)
        #expect(choice(try Sampler(presencePenalty: -1), generated: [3]) == 3)
    }

    @Test(
        "settings outside their range are refused",
        arguments: [
            ("temperature", -1.0), ("temperature", .infinity), ("temperature", .nan),
            ("top-p", 0), ("top-p", 1.1), ("top-p", .nan), ("min-p", -0.1), ("min-p", 2),
            ("repetition-penalty", 0), ("repetition-penalty", .nan), ("presence-penalty", 101),
            ("frequency-penalty", -101), ("logit-bias of token 5", 200), ("top-k", 0),
        ])
    func ranges(setting: String, value: Double) {
        let error = #expect(throws: SamplerError.self) {
            switch setting {
            case "temperature": try Sampler(temperature: value)
            case "top-p": try Sampler(topP: value)
            case "min-p": try Sampler(minP: value)
            case "repetition-penalty": try Sampler(repetitionPenalty: value)
            case "presence-penalty": try Sampler(presencePenalty: value)
            case "frequency-penalty": try Sampler(frequencyPenalty: value)
            case "top-k": try Sampler(topK: Int(value))
            default: try Sampler(logitBias: [5: value])
            }
        }
        #expect(error?.setting == setting)
        #expect(error.map { "\($0)" }?.hasPrefix("The \(setting) is ") == true)
    }

    @Test("scores are logarithms of the model's probabilities, most likely first")
    func scores() throws {
        let score = try #require(TokenScore(token: 3, alternatives: 3, logits: logits))
        #expect(abs(score.chosen.logProbability - log(0.06)) < 1e-6)
        #expect(score.alternatives.map(\.token) == [2, 4, 0])
        let greedy = try #require(TokenScore(token: 2, alternatives: 1, logits: logits))
        #expect(greedy.alternatives == [greedy.chosen])
        // Equal ones by token, more than there are, and what has no logarithm.
        let equal = try #require(TokenScore(token: 1, alternatives: 9, logits: [0, -.infinity, 0]))
        #expect(equal.alternatives.map(\.token) == [0, 2, 1])
        #expect(equal.chosen.logProbability == -1e4)
        #expect(TokenScore(token: 0, alternatives: 1, logits: [.nan, 1]) == nil)
        #expect(TokenScore(token: 0, alternatives: 1, logits: [0, .infinity]) == nil)
    }
}
