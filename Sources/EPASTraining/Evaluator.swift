package import BasicContainers
package import EPASArray
import EPASModel
package import EPASRuntime
import Foundation

/// A model's quality on a sequence of batches at one region length.
package struct Evaluation: Hashable, Sendable {
    /// Mean next-token loss, nats.
    package let loss: Double
    /// Part of the tokens that got the largest logit.
    package let accuracy: Double
    /// Tokens predicted.
    package let tokens: Int
    /// Wall time, without compiling.
    package let seconds: Double

    /// exp of the loss.
    package var perplexity: Double { exp(loss) }
    package var tokensPerSecond: Double { Double(tokens) / seconds }
}

/// Measures the loss of parameters that stay on the device.
package struct Evaluator: Sendable {
    private let program: Executable
    private let predictionsPerBatch: Int

    /// Compiles the evaluation of one plan for batches [batch, sequence + 1].
    package init(
        _ program: LossProgram, batch: Int, sequence: Int, compile: (String) throws -> Executable
    ) throws {
        self.program = try compile(program.evaluate(batch: batch, sequence: sequence))
        predictionsPerBatch = batch * sequence
    }

    /// Runs every batch.
    ///
    /// - Parameters:
    ///   - parameters: float32, in the order of ``ModelConfig/parameters``.
    ///   - stop: Asked between batches; the result is `nil` once it says so.
    package func callAsFunction(
        _ parameters: borrowing UniqueArray<DeviceBuffer>, batches: some Sequence<HostArray>,
        until stop: () -> Bool = { false }
    ) throws -> Evaluation? {
        let clock = ContinuousClock()
        let start = clock.now
        var (loss, correct, tokens) = (0.0, 0.0, 0)
        for batch in batches {
            if stop() { return nil }
            let results = try program.execute(borrowing: parameters, inputs: [batch])
            loss += Double(try results[0].hostArray().elements(as: Float.self)[0])
            correct += Double(try results[1].hostArray().elements(as: Float.self)[0])
            tokens += predictionsPerBatch
        }
        let count = Double(max(1, tokens))
        return Evaluation(
            loss: loss / count, accuracy: correct / count, tokens: tokens,
            seconds: (clock.now - start).inSeconds)
    }
}
