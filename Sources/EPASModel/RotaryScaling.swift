// The frequencies of the rotary embedding and their changes for sequences longer than those of
// pretraining. The attention scores are not scaled by any of these.

import Foundation

/// How the frequencies of the rotary embedding are changed.
///
/// The formulas are those of `modeling_rope_utils.py` in transformers 5.23, types `default`,
/// `linear` and `llama3`.
package enum RotaryScaling: Hashable, Sendable {
    case none
    /// Every frequency is divided by the factor: positions are interpolated (Chen et al., 2023).
    case linear(factor: Double)
    /// Long wavelengths are divided by the factor, short ones kept, and those between them
    /// interpolated (Llama 3.1; Grattafiori et al., 2024).
    case llama3(Llama3Scaling)

    /// What is wrong with the numbers, one clause each.
    var problems: [String] {
        switch self {
        case .none: []
        case .linear(let factor):
            factor.isFinite && factor > 0 ? [] : ["rotary factor \(factor) is not positive"]
        case .llama3(let scaling): scaling.problems
        }
    }

    /// Changes the frequencies, radians per position.
    func applied(to frequencies: [Double]) -> [Double] {
        switch self {
        case .none: frequencies
        case .linear(let factor): frequencies.map { $0 / factor }
        case .llama3(let scaling): frequencies.map(scaling.applied)
        }
    }
}

/// The numbers of Llama 3.1's frequency scaling.
package struct Llama3Scaling: Hashable, Sendable {
    package let factor: Double
    /// Wavelengths above `originalSequence / lowFrequencyFactor` are divided by the factor.
    package let lowFrequencyFactor: Double
    /// Wavelengths below `originalSequence / highFrequencyFactor` are kept.
    package let highFrequencyFactor: Double
    /// Longest sequence of pretraining, tokens.
    package let originalSequence: Int

    package init(
        factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double,
        originalSequence: Int
    ) {
        self.factor = factor
        self.lowFrequencyFactor = lowFrequencyFactor
        self.highFrequencyFactor = highFrequencyFactor
        self.originalSequence = originalSequence
    }

    fileprivate var problems: [String] {
        var problems: [String] = []
        if !(factor.isFinite && factor > 0) {
            problems.append("rotary factor \(factor) is not positive")
        }
        if !(lowFrequencyFactor.isFinite && lowFrequencyFactor > 0) {
            problems.append("rotary low-frequency factor \(lowFrequencyFactor) is not positive")
        }
        if !(highFrequencyFactor.isFinite && highFrequencyFactor > lowFrequencyFactor) {
            problems.append(
                "rotary high-frequency factor \(highFrequencyFactor) is not above the "
                    + "low-frequency factor \(lowFrequencyFactor)")
        }
        if originalSequence < 1 {
            problems.append("original sequence of rotary scaling \(originalSequence) is below 1")
        }
        return problems
    }

    fileprivate func applied(to frequency: Double) -> Double {
        let wavelength = 2 * Double.pi / frequency
        let original = Double(originalSequence)
        if wavelength < original / highFrequencyFactor { return frequency }
        if wavelength > original / lowFrequencyFactor { return frequency / factor }
        let kept =
            (original / wavelength - lowFrequencyFactor)
            / (highFrequencyFactor - lowFrequencyFactor)
        return (1 - kept) * frequency / factor + kept * frequency
    }
}

extension ModelConfig {
    /// Radians per position of each of the H/2 pairs that the rotary embedding turns.
    var rotaryFrequencies: [Double] {
        let exponents = (0..<headDimension / 2).map { -2 * Double($0) / Double(headDimension) }
        return rotaryScaling.applied(to: exponents.map { pow(ropeTheta, $0) })
    }
}
