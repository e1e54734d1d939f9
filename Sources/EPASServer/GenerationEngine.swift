package import EPASInference
package import EPASModel

/// What the server needs of an engine.
package protocol GenerationEngine: Sendable {
    var model: ModelConfig { get }
    /// The longest sequence, prompt and new tokens together.
    var maximumSequence: Int { get }
    /// Requests that run at once.
    var slots: Int { get }
    var statistics: EngineStatistics { get }

    /// Queues a request; giving up the stream ends it.
    func submit(
        _ request: GenerationRequest
    ) throws(EngineError) -> AsyncThrowingStream<GenerationEvent, any Error>

    /// Refuses further requests; those that were accepted go on.
    func stopAccepting()
}

extension Engine: GenerationEngine {
    package var slots: Int { options.slots }
}
