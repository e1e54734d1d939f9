import BasicContainers
import DequeModule
import EPASArray
import EPASGraph
import EPASModel
import EPASRuntime
import Foundation

/// The engine's state and its work, on the engine's thread alone.
///
/// Every program run advances the sequences by whole rows, and a row's result depends on its own
/// sequence alone, so it does not matter which sequences share a run.
final class EngineCore {
    let model: ModelConfig
    let options: EngineOptions
    let computeType: ElementType
    let matrices: MatrixFormat
    let maximumSequence: Int
    let client: Client
    let cache: ExecutableCache?
    /// The model's, then the tables of the rotary embedding.
    let parameters: UniqueArray<DeviceBuffer>
    /// The device memory of the blocks; empty while a program has it.
    var pool: UniqueArray<DeviceBuffer>
    var blocks: BlockPool
    var programs: [CacheProgram: Executable] = [:]
    /// Numbers of planes, which are equal where contents are equal for equal tokens.
    var planeNumbers: [PlaneContents: Int] = [:]

    var waiting: Deque<EngineSequence> = []
    /// Oldest first.
    var running: [EngineSequence] = []
    var statistics = EngineStatistics()
    let clock = ContinuousClock()

    /// What the contents of a plane depend on beside the tokens.
    struct PlaneContents: Hashable {
        let plane: CachePlane
        let plan: SharingPlan
    }

    /// Rows of the smaller of the two fill programs: most prompts' last rows.
    static let smallChunk = 32
    /// Sequences whose prompts share a run.
    static let sequencesPerChunk = 8

    init(
        _ model: ModelConfig, parameters: consuming UniqueArray<DeviceBuffer>, client: Client,
        computeType: ElementType, matrices: MatrixFormat, maximumSequence: Int, blockCount: Int,
        options: EngineOptions, cache: ExecutableCache?
    ) throws {
        let (cosines, sines) = model.rotaryTables(positions: maximumSequence)
        parameters.append(try client.makeBuffer(cosines))
        parameters.append(try client.makeBuffer(sines))
        self.parameters = parameters
        self.model = model
        self.client = client
        self.computeType = computeType
        self.matrices = matrices
        self.maximumSequence = maximumSequence
        self.options = options
        self.cache = cache
        blocks = BlockPool(count: blockCount)
        pool = try Self.makePool(model, computeType, blockCount, client, cache)
    }

    /// Makes the blocks' memory on the device.
    static func makePool(
        _ model: ModelConfig, _ type: ElementType, _ count: Int, _ client: Client,
        _ cache: ExecutableCache?
    ) throws -> UniqueArray<DeviceBuffer> {
        let graph = Graph()
        let zeros = graph.constant(
            0, Shape(type, CachedRows.poolDimensions(model, blocks: count)))
        let program = try client.compile(
            graph.program(named: "pool", returning: [zeros]), cache: cache)
        return try program.execute(donating: UniqueArray())
    }

    // MARK: Requests

    /// The numbers of a plan's planes.
    func planes(of plan: SharingPlan) -> [Int] {
        let plan = plan.asExecuted
        return plan.cachePlanes(layers: model.layers).map { plane in
            let contents = PlaneContents(plane: plane, plan: plan.before(plane.layer))
            if let number = planeNumbers[contents] { return number }
            let number = planeNumbers.count
            planeNumbers[contents] = number
            return number
        }
    }

    /// Ends a request that nobody reads any more.
    func cancel(_ id: UInt64) {
        if let index = waiting.firstIndex(where: { $0.id == id }) {
            waiting.remove(at: index)
        } else if let index = running.firstIndex(where: { $0.id == id }) {
            releaseBlocks(of: running.remove(at: index))
        } else {
            return
        }
        statistics.cancelledRequests += 1
    }

    /// Bytes of one block.
    var blockBytes: Int { model.cacheBlockBytes(computeType) }

    var isIdle: Bool { waiting.isEmpty && running.isEmpty }

    /// Runs one round: admits what waits, some prompt tokens, one new token for each sequence that
    /// is past its prompt.
    func advance() {
        admit()
        do {
            try fillSome()
            for group in readyGroups() { try decode(group) }
        } catch {
            fail(error)
        }
    }

    private func admit() {
        while running.count < options.slots, let sequence = waiting.first {
            if !running.isEmpty {
                // Started only with room for its prompt, so that it is not stopped at once.
                let wanted = blockCount(sequence.tokens.count) * sequence.planes.count
                guard blocks.availableCount >= wanted else { return }
            }
            waiting.removeFirst()
            if sequence.started == nil { sequence.started = clock.now }
            reusePrefix(of: sequence)
            let index = running.firstIndex { $0.id > sequence.id } ?? running.count
            running.insert(sequence, at: index)
            if sequence.request.maximumTokens == 0, !sequence.isScoring {
                reportPrompt(of: sequence)
                finish(sequence, .length)
            }
        }
    }

    /// Ends every running request after the device failed, and starts over with an empty cache.
    private func fail(_ error: any Error) {
        for sequence in running {
            sequence.events.finish(throwing: EngineError.failed("\(error)"))
        }
        statistics.failedRequests += running.count
        running = []
        blocks = BlockPool(count: blocks.count)
        do {
            pool = try Self.makePool(model, computeType, blocks.count, client, cache)
        } catch {
            for sequence in waiting {
                sequence.events.finish(throwing: EngineError.failed("\(error)"))
            }
            statistics.failedRequests += waiting.count
            waiting = []
        }
    }

    /// Ends a running sequence.
    func finish(_ sequence: EngineSequence, _ reason: GenerationSummary.Reason) {
        remove(sequence)
        let now = clock.now
        let started = sequence.started ?? now
        let first = sequence.firstToken ?? now
        sequence.events.yield(
            .finished(
                GenerationSummary(
                    reason: reason, promptTokens: sequence.request.prompt.count,
                    cachedTokens: sequence.cachedTokens, newTokens: sequence.newTokens,
                    queuedSeconds: (started - sequence.submitted) / .seconds(1),
                    promptSeconds: (first - started) / .seconds(1),
                    decodeSeconds: (now - first) / .seconds(1))))
        sequence.events.finish()
        statistics.finishedRequests += 1
        statistics.promptTokens += sequence.request.prompt.count
        statistics.cachedTokens += sequence.cachedTokens
        statistics.newTokens += sequence.newTokens
    }

    func remove(_ sequence: EngineSequence) {
        running.removeAll { $0 === sequence }
        releaseBlocks(of: sequence)
    }

    // MARK: Blocks

    func blockCount(_ tokens: Int) -> Int { tokens.dividedRoundingUp(by: BlockPool.length) }

    private func releaseBlocks(of sequence: EngineSequence) {
        for plane in sequence.blocks.indices {
            for block in sequence.blocks[plane] { blocks.release(block) }
            sequence.blocks[plane] = []
        }
        sequence.digests = []
        sequence.processed = 0
        if sequence.isScoring { sequence.promptScores = [nil] }
    }

    /// Takes over the blocks that earlier sequences left for the same tokens.
    private func reusePrefix(of sequence: EngineSequence) {
        guard options.reusesPrefixes, !sequence.isScoring else { return }
        // The last token is always processed: its logits choose the next one.
        let full = (sequence.tokens.count - 1) / BlockPool.length
        for index in 0..<full {
            let start = index * BlockPool.length
            let digest = TokenDigest(
                sequence.tokens[start..<start + BlockPool.length], after: sequence.digests.last)
            let found = sequence.planes.compactMap {
                blocks.block(for: BlockPool.Key(plane: $0, tokens: digest))
            }
            guard found.count == sequence.planes.count else { break }
            for (plane, block) in found.enumerated() {
                blocks.retain(block)
                sequence.blocks[plane].append(block)
            }
            sequence.digests.append(digest)
            sequence.processed += BlockPool.length
        }
        if sequence.newTokens == 0 { sequence.cachedTokens = sequence.processed }
    }

    /// Makes the blocks known that became full.
    func publishBlocks(of sequence: EngineSequence) {
        guard options.reusesPrefixes else { return }
        while (sequence.digests.count + 1) * BlockPool.length <= sequence.processed {
            let index = sequence.digests.count
            let start = index * BlockPool.length
            let digest = TokenDigest(
                sequence.tokens[start..<start + BlockPool.length], after: sequence.digests.last)
            for (plane, number) in sequence.planes.enumerated() {
                let key = BlockPool.Key(plane: number, tokens: digest)
                sequence.blocks[plane][index] = blocks.publish(
                    sequence.blocks[plane][index], as: key)
            }
            sequence.digests.append(digest)
        }
    }

    /// Makes room for the first `count` tokens of a sequence, at the cost of younger sequences.
    ///
    /// - Returns: Whether there is room; if not, the sequence itself has been put back.
    func reserve(_ count: Int, for sequence: EngineSequence) -> Bool {
        let wanted = blockCount(count)
        for plane in sequence.planes.indices {
            while sequence.blocks[plane].count < wanted {
                if let block = blocks.allocate() {
                    sequence.blocks[plane].append(block)
                    continue
                }
                guard let youngest = running.last else { return false }
                preempt(youngest)
                if youngest === sequence { return false }
            }
        }
        return true
    }

    /// Takes a running sequence's memory; it starts over when there is room, and since its rows
    /// have the same results then, nobody notices but for the time.
    private func preempt(_ sequence: EngineSequence) {
        remove(sequence)
        waiting.prepend(sequence)
        statistics.preemptions += 1
    }
}
