import BasicContainers
import EPASArray
import EPASModel
import EPASRuntime
import Foundation

/// Consecutive tokens of one sequence in a program run.
struct RowRange {
    let sequence: EngineSequence
    let positions: Range<Int>
}

extension EngineCore {
    // MARK: Prompts

    /// Runs prompt tokens, at most a chunk, of the oldest sequence that has some and of those that
    /// can share its program.
    func fillSome() throws {
        guard let first = running.first(where: { $0.pendingTokens > 0 }) else { return }
        let isScoring = first.isScoring
        var rows: [RowRange] = []
        var room = options.promptChunk
        let candidates = running.filter {
            $0.pendingTokens > 0 && $0.isScoring == isScoring && $0.plan == first.plan
        }
        for sequence in candidates where room > 0 && rows.count < Self.sequencesPerChunk {
            // Making room for one may have taken another's.
            guard running.contains(where: { $0 === sequence }) else { continue }
            let count = min(room, sequence.pendingTokens)
            guard reserve(sequence.processed + count, for: sequence) else { continue }
            rows.append(
                RowRange(
                    sequence: sequence,
                    positions: sequence.processed..<sequence.processed + count))
            room -= count
        }
        rows.removeAll { range in !running.contains { $0 === range.sequence } }
        guard !rows.isEmpty else { return }

        let logits = try run(rows, purpose: isScoring ? .logits : .fill)
        if let logits { score(rows, logits: logits) }
        for range in rows {
            range.sequence.processed = range.positions.upperBound
            publishBlocks(of: range.sequence)
            guard isScoring, !range.sequence.isScoring else { continue }
            reportPrompt(of: range.sequence)
            if range.sequence.request.maximumTokens == 0 { finish(range.sequence, .length) }
        }
    }

    /// Adds the scores of the tokens that follow the rows.
    private func score(_ rows: [RowRange], logits: LogitRows) {
        var row = 0
        for range in rows {
            let sequence = range.sequence
            guard let count = sequence.request.promptAlternatives else { continue }
            let first = row
            let scores = concurrentMap(range.positions.count) { index in
                TokenScore(
                    token: sequence.request.prompt[range.positions.lowerBound + index + 1],
                    alternatives: count, logits: logits[first + index])
            }
            row += range.positions.count
            guard scores.allSatisfy({ $0 != nil }) else {
                fail(sequence)
                continue
            }
            sequence.promptScores += scores
        }
    }

    /// Hands out the prompt's scores, once.
    func reportPrompt(of sequence: EngineSequence) {
        guard sequence.request.promptAlternatives != nil, !sequence.promptIsReported else {
            return
        }
        sequence.promptIsReported = true
        sequence.events.yield(.prompt(sequence.promptScores))
    }

    /// Ends a sequence whose logits are no numbers.
    private func fail(_ sequence: EngineSequence) {
        remove(sequence)
        statistics.failedRequests += 1
        sequence.events.finish(
            throwing: EngineError.failed(
                "The model's logits are not finite for this text. Check the checkpoint, or run with float32."
            ))
    }

    // MARK: New tokens

    /// The sequences that are past their prompts, by plan, the oldest one's first.
    func readyGroups() -> [[EngineSequence]] {
        var plans: [SharingPlan] = []
        var groups: [SharingPlan: [EngineSequence]] = [:]
        for sequence in running where sequence.isReadyToDecode {
            if groups[sequence.plan] == nil { plans.append(sequence.plan) }
            groups[sequence.plan, default: []].append(sequence)
        }
        return plans.compactMap { groups[$0] }
    }

    /// Adds one token to each sequence of a group.
    func decode(_ group: [EngineSequence]) throws {
        var rows: [RowRange] = []
        for sequence in group {
            guard running.contains(where: { $0 === sequence }),
                reserve(sequence.tokens.count, for: sequence)
            else { continue }
            let last = sequence.tokens.count - 1
            rows.append(RowRange(sequence: sequence, positions: last..<last + 1))
        }
        rows.removeAll { range in !running.contains { $0 === range.sequence } }
        guard !rows.isEmpty, let logits = try run(rows, purpose: .logits) else { return }
        statistics.decodeRuns += 1
        statistics.decodeRows += rows.count

        let choices = concurrentMap(rows.count) { row in
            Choice(rows[row].sequence, logits: logits[row])
        }
        for (range, choice) in zip(rows, choices) {
            range.sequence.processed = range.positions.upperBound
            publishBlocks(of: range.sequence)
            add(choice, to: range.sequence)
        }
    }

    /// A token chosen for a sequence.
    private struct Choice {
        let token: Int32
        let score: TokenScore?
        let isFinite: Bool

        init(_ sequence: EngineSequence, logits: [Float]) {
            let prompt = sequence.request.prompt
            token = sequence.request.sampler.token(
                logits: logits, position: sequence.tokens.count, prompt: prompt,
                generated: sequence.tokens[prompt.count...])
            isFinite = logits[Int(token)].isFinite
            score = sequence.request.alternatives.flatMap { [token] in
                TokenScore(token: token, alternatives: $0, logits: logits)
            }
        }
    }

    private func add(_ choice: Choice, to sequence: EngineSequence) {
        guard choice.isFinite else {
            fail(sequence)
            return
        }
        if sequence.firstToken == nil { sequence.firstToken = clock.now }
        reportPrompt(of: sequence)
        if sequence.request.stopTokens.contains(choice.token) {
            finish(sequence, .stop(choice.token, choice.score))
            return
        }
        sequence.tokens.append(choice.token)
        sequence.events.yield(.token(choice.token, choice.score))
        if sequence.newTokens >= sequence.request.maximumTokens
            || sequence.tokens.count >= maximumSequence
        {
            finish(sequence, .length)
        }
    }

    // MARK: Programs

    /// Runs rows through the model; returns their logits where the purpose has them.
    private func run(
        _ rows: [RowRange], purpose: CacheProgram.Purpose
    ) throws -> LogitRows? {
        let plan = rows[0].sequence.plan
        let count = rows.reduce(0) { $0 + $1.positions.count }
        let longest = rows.reduce(0) { max($0, $1.positions.upperBound) }
        let isDecoding = rows.allSatisfy { $0.positions.count == 1 }
        let rowCount = isDecoding ? decodeRows(count) : fillRows(count)
        let program = CacheProgram(
            plan: plan, purpose: purpose, rows: rowCount,
            sequences: isDecoding ? rowCount : Self.sequencesPerChunk,
            columns: columns(for: longest))

        let executable = try executable(program)
        let inputs = CacheInputs(program, rows: rows, planes: rows[0].sequence.planes.count)
        var donated = UniqueArray<DeviceBuffer>()
        swap(&donated, &pool)
        var results = try executable.execute(
            donating: donated, borrowing: parameters, inputs: inputs.arrays)
        pool.append(results.removeLast())
        guard purpose == .logits else {
            // What went wrong shows here, and not at a later run with other sequences.
            try pool[0].wait()
            return nil
        }
        let logits = try results[0].hostArray().elements(as: Float.self)
        return LogitRows(values: logits, width: model.vocabulary)
    }

    /// Few programs serve every number of rows.
    private func decodeRows(_ count: Int) -> Int {
        var rows = 1
        while rows < count { rows *= 4 }
        return min(rows, max(options.slots, count))
    }

    private func fillRows(_ count: Int) -> Int {
        count <= Self.smallChunk ? Self.smallChunk : max(options.promptChunk, count)
    }

    /// Blocks per sequence that a program's tables have room for.
    private func columns(for tokens: Int) -> Int {
        let longest = blockCount(maximumSequence)
        var columns = 64
        while columns < blockCount(tokens) { columns *= 4 }
        return min(columns, longest)
    }

    private func executable(_ program: CacheProgram) throws -> Executable {
        if let executable = programs[program] { return executable }
        let text = program.text(
            model, computeType: computeType, matrices: matrices, blocks: blocks.count,
            positions: maximumSequence, kernels: client.kernels)
        let executable = try client.compile(text, cache: cache)
        programs[program] = executable
        return executable
    }

    /// Compiles one of the programs that a plan's requests run while they are short.
    ///
    /// - Returns: Whether there was one left.
    func compileNext(of plan: SharingPlan) throws -> Bool {
        let plan = plan.asExecuted
        let columns = columns(for: 1)
        var programs = [Self.smallChunk, max(options.promptChunk, Self.smallChunk + 1)].map {
            rows in
            CacheProgram(
                plan: plan, purpose: .fill, rows: rows, sequences: Self.sequencesPerChunk,
                columns: columns)
        }
        for count in 1...options.slots where decodeRows(count) == count {
            programs.append(
                CacheProgram(
                    plan: plan, purpose: .logits, rows: count, sequences: count, columns: columns))
        }
        guard let next = programs.first(where: { self.programs[$0] == nil }) else { return false }
        _ = try executable(next)
        return true
    }
}

/// The logits of a run, row by row.
struct LogitRows: Sendable {
    let values: [Float]
    let width: Int

    subscript(row: Int) -> [Float] { Array(values[row * width..<(row + 1) * width]) }
}

/// Computes values by index on several threads, in order.
private func concurrentMap<Value>(_ count: Int, _ value: (Int) -> Value) -> [Value] {
    guard count > 1 else { return (0..<count).map(value) }
    return [Value](unsafeUninitializedCapacity: count) { buffer, initialized in
        // Each thread writes elements of its own, and all are written.
        nonisolated(unsafe) let buffer = buffer
        nonisolated(unsafe) let value = value
        DispatchQueue.concurrentPerform(iterations: count) { index in
            buffer.initializeElement(at: index, to: value(index))
        }
        initialized = count
    }
}
