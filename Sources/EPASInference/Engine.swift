package import BasicContainers
package import EPASArray
package import EPASModel
package import EPASRuntime
import Synchronization

/// Runs many requests at once on one copy of the weights, each at its own region length.
///
/// A request's output depends on the request alone: not on what runs beside it, nor on what ran
/// before.
package final class Engine: Sendable {
    package let model: ModelConfig
    package let options: EngineOptions
    /// The longest sequence, prompt and new tokens together.
    package let maximumSequence: Int

    /// Starts the engine's thread.
    ///
    /// - Parameters:
    ///   - parameters: In the order of ``ModelConfig/parameters``: matrices in the compute type,
    ///     the others float32.
    ///   - computeType: The type of activations and of the cache, `float32` or `bfloat16`.
    /// - Throws: ``EngineError`` for options that cannot work, ``PJRTError`` if the device has no
    ///   room for the cache.
    package init(
        _ model: ModelConfig, parameters: consuming UniqueArray<DeviceBuffer>, client: Client,
        computeType: ElementType, options: EngineOptions = .init(), cache: ExecutableCache? = nil
    ) throws {
        self.model = model
        self.options = options
        maximumSequence = options.maximumSequence ?? model.maximumSequence
    }

    /// Queues a request.
    ///
    /// Giving up the stream, also by cancelling the task that reads it, ends the request within
    /// one program run.
    ///
    /// - Throws: ``EngineError`` at once if the request is refused; the stream throws it if the
    ///   request fails later.
    package func submit(
        _ request: GenerationRequest
    ) throws(EngineError) -> AsyncThrowingStream<GenerationEvent, any Error> {
        throw .stopped
    }

    package var statistics: EngineStatistics { EngineStatistics() }

    /// Compiles the programs of a plan, so that its first request does not wait for them.
    package func prepare(_ plan: SharingPlan) throws(EngineError) {}

    /// Refuses further requests; those that were accepted are finished.
    package func shutDown() {}
}
