package import BasicContainers
import DequeModule
package import EPASArray
package import EPASModel
package import EPASRuntime
import Foundation
import Synchronization

/// Runs many requests at once on one copy of the weights, each at its own region length.
///
/// A request's output depends on the request alone: not on what runs beside it, nor on what ran
/// before. That holds bit for bit where the plugin has our kernels, whose rows do not depend on
/// each other.
package final class Engine: Sendable {
    package let model: ModelConfig
    package let options: EngineOptions
    /// The longest sequence, prompt and new tokens together.
    package let maximumSequence: Int

    /// What other threads leave for the engine's thread, and it for them.
    private struct Mail {
        var submitted: [Submission] = []
        var cancelled: [UInt64] = []
        var preparations: [Preparation] = []
        var isStopping = false
        var nextID: UInt64 = 0
        var statistics = EngineStatistics()
        /// Requests that were submitted and are neither running nor done.
        var waiting = 0
        /// Blocks of the cache in all.
        let blocks: Int
    }

    private struct Submission: Sendable {
        let id: UInt64
        let request: GenerationRequest
        let events: AsyncThrowingStream<GenerationEvent, any Error>.Continuation
        let time: ContinuousClock.Instant
    }

    private struct Preparation: Sendable {
        let plan: SharingPlan
        let done: @Sendable ((any Error)?) -> Void
    }

    private let mail: Mutex<Mail>
    private let wake = DispatchSemaphore(value: 0)
    private let stopped = DispatchSemaphore(value: 0)

    /// Starts the engine's thread.
    ///
    /// - Parameters:
    ///   - parameters: In the order of ``ModelConfig/storedParameters(_:)``.
    ///   - computeType: The type of activations and of the cache, `float32` or `bfloat16`.
    ///   - matrices: The format of the parameters: integers, or by default the compute type.
    /// - Throws: ``EngineError`` for options that cannot work, ``PJRTError`` if the device has no
    ///   room for the cache.
    package init(
        _ model: ModelConfig, parameters: consuming UniqueArray<DeviceBuffer>, client: Client,
        computeType: ElementType, matrices: MatrixFormat? = nil,
        options: EngineOptions = .init(), cache: ExecutableCache? = nil
    ) throws {
        let longest = options.maximumSequence ?? model.maximumSequence
        let blocks = try options.blockCount(model, type: computeType, longest: longest)
        self.model = model
        self.options = options
        maximumSequence = longest
        mail = Mutex(Mail(blocks: blocks))
        let core = try EngineCore(
            model, parameters: parameters, client: client, computeType: computeType,
            matrices: matrices ?? .floats(computeType), maximumSequence: longest,
            blockCount: blocks, options: options, cache: cache)
        // From here on the engine's thread alone uses the core.
        nonisolated(unsafe) let handed = core
        let thread = Thread { [self] in work(handed) }
        thread.name = "engine"
        // The deepest stack is the compiler's.
        thread.stackSize = 8 << 20
        thread.start()
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
        try check(request)
        let (stream, events) = AsyncThrowingStream<GenerationEvent, any Error>.makeStream()
        let id = try mail.withLock { (mail) throws(EngineError) -> UInt64 in
            guard !mail.isStopping else { throw .stopped }
            let idle = options.slots - mail.statistics.running
            guard mail.waiting < options.queue + max(0, idle) else {
                throw .busy(waiting: mail.waiting)
            }
            mail.waiting += 1
            mail.nextID += 1
            mail.submitted.append(
                Submission(
                    id: mail.nextID, request: request, events: events, time: ContinuousClock.now))
            return mail.nextID
        }
        events.onTermination = { [weak self] termination in
            guard case .cancelled = termination else { return }
            self?.cancel(id)
        }
        wake.signal()
        return stream
    }

    package var statistics: EngineStatistics {
        mail.withLock { mail in
            var statistics = mail.statistics
            statistics.waiting = mail.waiting
            return statistics
        }
    }

    /// Compiles the programs of a plan, so that its first requests do not wait for them; returns
    /// when that is done. Requests that run meanwhile go on after each program.
    ///
    /// - Throws: ``PJRTError`` if the compiler fails.
    package func compile(_ plan: SharingPlan) throws {
        let done = DispatchSemaphore(value: 0)
        let failure = Mutex<(any Error)?>(nil)
        mail.withLock { mail in
            mail.preparations.append(
                Preparation(plan: plan) { error in
                    failure.withLock { $0 = error }
                    done.signal()
                })
        }
        wake.signal()
        done.wait()
        if let error = failure.withLock({ $0 }) { throw error }
    }

    /// Refuses further requests; those that were accepted go on.
    package func stopAccepting() {
        mail.withLock { $0.isStopping = true }
        wake.signal()
    }

    /// Refuses further requests and returns when those that were accepted are done.
    package func shutDown() {
        stopAccepting()
        stopped.wait()
        // For others that wait as well.
        stopped.signal()
    }

    /// Refuses further requests and ends all others.
    package func cancelAll() {
        mail.withLock { mail in
            mail.isStopping = true
            mail.cancelled += 1...max(1, mail.nextID)
        }
        wake.signal()
    }

    private func cancel(_ id: UInt64) {
        mail.withLock { $0.cancelled.append(id) }
        wake.signal()
    }

    // MARK: Checks

    private func check(_ request: GenerationRequest) throws(EngineError) {
        func require(_ condition: Bool, _ sentence: @autoclosure () -> String) throws(EngineError) {
            guard condition else { throw .invalid(sentence()) }
        }
        let prompt = request.prompt
        try require(!prompt.isEmpty, "The prompt is empty. Give at least one token.")
        if let bad = prompt.first(where: { $0 < 0 || Int($0) >= model.vocabulary }) {
            throw .invalid(
                "The prompt has token \(bad), but the model knows tokens 0 to \(model.vocabulary - 1). Encode it with the model's tokenizer."
            )
        }
        try require(
            request.maximumTokens >= 0,
            "The request wants \(request.maximumTokens) tokens. Ask for 0 or more.")
        let room = maximumSequence - prompt.count
        try require(
            room >= min(1, request.maximumTokens),
            "The prompt has \(prompt.count) tokens, but sequences are at most \(maximumSequence) tokens long with the new ones. Shorten the prompt."
        )
        for (layer, source) in request.plan.sources.sorted(by: { $0.key < $1.key }) {
            try require(
                layer < model.layers && source < layer,
                "Layer \(layer) is to share, but the model has \(model.layers) layers. Use a shorter region."
            )
        }
        for count in [request.alternatives, request.promptAlternatives] {
            try require(
                count ?? 0 >= 0, "The number of alternatives is negative. Use 0 or more.")
        }
        for token in request.sampler.logitBias.keys {
            try require(
                token >= 0 && Int(token) < model.vocabulary,
                "The logit bias names token \(token), but the model knows tokens 0 to \(model.vocabulary - 1). Leave it out."
            )
        }
        let planes = request.plan.cachePlanes(layers: model.layers).count
        let tokens = prompt.count + min(request.maximumTokens, room)
        let wanted = planes * tokens.dividedRoundingUp(by: BlockPool.length)
        let blocks = mail.withLock { $0.blocks }
        try require(
            wanted <= blocks,
            "The request may need \(wanted) blocks of the key-value cache, which has \(blocks). Ask for fewer tokens, or give the cache more memory."
        )
    }

    // MARK: The engine's thread

    private func work(_ core: EngineCore) {
        var pending: Deque<Preparation> = []
        while true {
            let (submissions, cancelled, preparations, isStopping) = mail.withLock { mail in
                let taken = (
                    mail.submitted, mail.cancelled, mail.preparations, mail.isStopping
                )
                mail.submitted = []
                mail.cancelled = []
                mail.preparations = []
                return taken
            }
            for submission in submissions {
                core.waiting.append(
                    EngineSequence(
                        id: submission.id, request: submission.request,
                        planes: core.planes(of: submission.request.plan),
                        events: submission.events, submitted: submission.time))
            }
            for id in cancelled { core.cancel(id) }
            pending.append(contentsOf: preparations)
            if let preparation = pending.first {
                do {
                    if try isStopping || !core.compileNext(of: preparation.plan) {
                        pending.removeFirst()
                        preparation.done(nil)
                    }
                } catch {
                    pending.removeFirst()
                    preparation.done(error)
                }
            }
            core.advance()
            report(core)
            if core.isIdle, pending.isEmpty {
                if isStopping { break }
                wake.wait()
            }
        }
        stopped.signal()
    }

    /// Leaves the numbers for the other threads.
    private func report(_ core: EngineCore) {
        mail.withLock { mail in
            mail.statistics = core.statistics
            mail.statistics.running = core.running.count
            mail.waiting = core.waiting.count + mail.submitted.count
            mail.statistics.blocks = core.blocks.count
            mail.statistics.usedBlocks = core.blocks.usedCount
            mail.statistics.keptBlocks = core.blocks.keptCount
            mail.statistics.blockBytes = core.blockBytes
        }
    }
}
