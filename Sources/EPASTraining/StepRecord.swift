import Foundation

/// One line of `metrics.jsonl`.
///
/// Everything but the times is a function of the run file, the data and the machine's arithmetic:
/// a resumed run repeats it bit for bit.
package enum MetricsRecord: Hashable, Sendable {
    case training(StepRecord)
    case validation(ValidationRecord)

    package var step: Int {
        switch self {
        case .training(let record): record.step
        case .validation(let record): record.step
        }
    }
}

/// What one training step did.
package struct StepRecord: Hashable, Sendable, Codable {
    /// Counted from 1.
    package let step: Int
    /// Tokens trained on so far, this step included.
    package let tokens: Int
    /// Mean next-token loss of the step's batch, nats; `nil` if not finite.
    package let loss: Double?
    /// Norm of the whole gradient before clipping; `nil` if not finite.
    package let gradientNorm: Double?
    package let learningRate: Double
    /// The plan in force, as `--share` takes it.
    package let share: String
    /// Layers in sharing mode.
    package let sharingLayers: Int
    /// Wall time of the step, waiting for data and programs included.
    package let seconds: Double
    /// Sum of `seconds` up to here, over all resumptions.
    package let elapsedSeconds: Double
    package let tokensPerSecond: Double
    /// The model's floating-point operations (forward and backward) per second.
    package let flopsPerSecond: Double
}

/// The loss on the validation split at one region length.
package struct ValidationRecord: Hashable, Sendable, Codable {
    /// Steps trained before the validation.
    package let step: Int
    /// Tokens trained on before the validation.
    package let tokens: Int
    package let share: String
    package let sharingLayers: Int
    /// Mean next-token loss, nats; `nil` if not finite.
    package let loss: Double?
    /// Tokens that were predicted.
    package let validationTokens: Int
    package let seconds: Double
    package let elapsedSeconds: Double
    package let tokensPerSecond: Double
}

extension MetricsRecord: Codable {
    private enum CodingKeys: String, CodingKey { case kind }
    private enum Kind: String, Codable { case training, validation }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        switch try container.decode(Kind.self, forKey: .kind) {
        case .training: self = .training(try StepRecord(from: decoder))
        case .validation: self = .validation(try ValidationRecord(from: decoder))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .training(let record):
            try container.encode(Kind.training, forKey: .kind)
            try record.encode(to: encoder)
        case .validation(let record):
            try container.encode(Kind.validation, forKey: .kind)
            try record.encode(to: encoder)
        }
    }
}
