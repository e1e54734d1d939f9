import BasicContainers
package import EPASArray
import EPASModel
package import EPASRuntime

/// The compiled training step of one plan.
package struct StepExecutable: Sendable {
    private enum Form {
        case whole(Executable)
        case accumulated(accumulate: Executable, apply: Executable, sums: [Shape])
    }

    private let form: Form
    private let optimizer: AdamW
    private let parameterBytes: Int
    private let momentBytes: Int

    /// Compiles a step over `accumulation` batches.
    package init(
        _ program: TrainingProgram, accumulation: Int,
        compile: (String) throws -> Executable
    ) throws {
        optimizer = program.optimizer
        parameterBytes = 4 * program.model.parameterCount
        momentBytes =
            2 * program.optimizer.momentType.byteCount * program.model.parameterCount
        if accumulation == 1 {
            form = .whole(try compile(program.step()))
        } else {
            form = .accumulated(
                accumulate: try compile(program.accumulate()),
                apply: try compile(program.apply(accumulation: accumulation)),
                sums: program.sumShapes)
        }
    }

    /// The memory that a step needs, known before anything runs; `nil` if the plugin does not say.
    package func memory() throws -> StepMemory? {
        let state = parameterBytes + momentBytes
        func beyond(_ arguments: Int, _ program: Executable) throws -> Int {
            try program.memoryStatistics().total - arguments
        }
        do {
            switch form {
            case .whole(let step):
                return StepMemory(state: state, temporary: try beyond(state, step))
            case .accumulated(let accumulate, let apply, _):
                return StepMemory(
                    state: state,
                    temporary: max(
                        try beyond(parameterBytes, accumulate), try beyond(state, apply)))
            }
        } catch let error as PJRTError where error.code == .unimplemented {
            return nil
        }
    }

    /// What a step computed beside the new state.
    package struct Outcome: Hashable, Sendable {
        /// Mean next-token loss over the step's batches, nats.
        package let loss: Float
        /// Norm of the whole gradient before clipping.
        package let gradientNorm: Float

        /// Whether the update was applied.
        package var isFinite: Bool { loss.isFinite && gradientNorm.isFinite }
    }

    /// Advances the state by one step.
    ///
    /// - Parameters:
    ///   - batches: int32 [B, T+1] each, as many as the step accumulates.
    ///   - step: Counted from 1.
    /// - Throws: ``PJRTError``; the state is then gone.
    package func callAsFunction(
        _ state: inout TrainingState, batches: [HostArray], step: Int, learningRate: Double
    ) throws -> Outcome {
        guard
            let outcome = try advance(
                &state, batches: batches, step: step, learningRate: learningRate,
                until: { false })
        else { fatalError("a step that nothing stops has stopped") }
        return outcome
    }

    /// Advances the state by one step, unless it is stopped on the way.
    ///
    /// - Parameter stop: Asked between accumulated batches; the result is `nil` and the state as
    ///   it was once it says so.
    package func advance(
        _ state: inout TrainingState, batches: [HostArray], step: Int, learningRate: Double,
        until stop: () -> Bool
    ) throws -> Outcome? {
        let corrections = optimizer.corrections(step: step)
        let rates = [learningRate, corrections.0, corrections.1].map { HostArray(Float($0)) }
        var results: UniqueArray<DeviceBuffer>
        switch form {
        case .whole(let step):
            results = try step.execute(donating: state.takeAll(), inputs: rates + batches)
        case .accumulated(let accumulate, let apply, let shapes):
            var sums = UniqueArray<DeviceBuffer>(minimumCapacity: shapes.count)
            for shape in shapes { sums.append(try accumulate.client.makeBuffer(.zeros(shape))) }
            for (index, batch) in batches.enumerated() {
                if index > 0, stop() { return nil }
                sums = try accumulate.execute(
                    donating: sums, borrowing: state.parameters, inputs: [batch])
            }
            results = try apply.execute(
                donating: state.takeAll(), borrowing: sums, inputs: rates)
        }
        let last = results.removeTail(from: results.count - 2)
        let loss = try last[0].hostArray().elements(as: Float.self)[0]
        let norm = try last[1].hostArray().elements(as: Float.self)[0]
        state.putAll(results)
        return Outcome(loss: loss, gradientNorm: norm)
    }
}
