import EPASModel
import Testing

@testable import struct EPASModel.ModelConfig

struct RotaryScalingTests {
    private func frequencies(_ scaling: RotaryScaling) throws -> [Double] {
        try ModelConfig(
            layers: 1, width: 8, heads: 1, feedForward: 8, vocabulary: 8, rotaryScaling: scaling
        ).rotaryFrequencies
    }

    @Test func linearDividesEveryFrequency() throws {
        let plain = try frequencies(.none)
        #expect(plain.count == 4 && plain[0] == 1)
        #expect(try frequencies(.linear(factor: 4)) == plain.map { $0 / 4 })
    }

    /// Wavelengths 6.28, 62.8, 628 and 6283 against limits of 100 and 1000 tokens.
    @Test func llama3KeepsShortWavesAndDividesLongOnes() throws {
        let scaling = Llama3Scaling(
            factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 10, originalSequence: 1000)
        let plain = try frequencies(.none)
        let found = try frequencies(.llama3(scaling))
        #expect(found[0] == plain[0] && found[1] == plain[1])
        // 1000 / 628.3 = 1.5915 is 0.06573 of the way from 1 to 10.
        let kept = (1000 / (2 * Double.pi * 100) - 1) / 9
        #expect(abs(found[2] - plain[2] * ((1 - kept) / 8 + kept)) < 1e-17)
        #expect(found[3] == plain[3] / 8)
    }
}
