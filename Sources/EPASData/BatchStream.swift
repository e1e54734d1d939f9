package import EPASArray
import Foundation

/// Tokens of one step.
package struct TokenBatch: Sendable {
    /// [B, T+1] int32. The model reads the first T of each row and predicts the last T.
    package let tokens: HostArray
}

/// A place in a ``BatchStream``.
package struct Cursor: Codable, Hashable, Sendable {
    /// Sequences handed out so far, over all epochs.
    package var sequences: Int

    package init(sequences: Int) {
        self.sequences = sequences
    }

    package static let start = Cursor(sequences: 0)
}

/// An endless stream of shuffled batches.
///
/// The tokens are cut into windows of T+1 that start at the multiples of T, so that each token is
/// predicted once per epoch; up to T tokens at the end are left over. Each epoch has its own
/// order, and holds every window once. Batches follow each other without regard for epochs: the
/// one at the end of an epoch is filled from the next.
///
/// What a batch holds is a function of the data, the seed, B, T and the cursor alone, so a stream
/// resumed at a cursor continues as if it had not stopped.
package struct BatchStream: Sendable {
    package let dataset: TokenDataset
    /// B.
    package let batch: Int
    /// T.
    package let sequence: Int
    package let seed: UInt64
    package private(set) var cursor: Cursor

    /// Windows in an epoch.
    package let sequencesPerEpoch: Int
    private var order: (epoch: Int, permutation: Permutation)

    /// - Throws: ``DataError`` when the data is too small for a single batch, or the cursor is
    ///   not one of a stream.
    package init(
        _ dataset: TokenDataset, batch: Int, sequence: Int, seed: UInt64, cursor: Cursor = .start
    ) throws {
        sequencesPerEpoch = try dataset.windowCount(sequence: sequence)
        guard batch > 0 else {
            throw DataError(
                "A batch of \(batch) sequences is not possible", remedy: "Use 1 or more.")
        }
        guard batch <= sequencesPerEpoch else {
            throw DataError(
                "The \(dataset.split.rawValue) data of \(dataset.directory.path) has "
                    + "\(dataset.tokenCount) tokens, which is \(sequencesPerEpoch) sequences of "
                    + "\(sequence) and too few for one batch of \(batch)",
                remedy: "Lower the batch or the sequence length, or prepare more text.")
        }
        guard 0...(1 << 60) ~= cursor.sequences else {
            throw DataError(
                "The data cursor \(cursor.sequences) is not a number of sequences",
                remedy: "Resume from another checkpoint.")
        }
        self.dataset = dataset
        self.batch = batch
        self.sequence = sequence
        self.seed = seed
        self.cursor = cursor
        let epoch = cursor.sequences / sequencesPerEpoch
        order = (epoch, Permutation(count: sequencesPerEpoch, seed: seed, epoch: epoch))
    }

    /// Epochs completed, as a count with a fraction.
    package var epoch: Double { Double(cursor.sequences) / Double(sequencesPerEpoch) }

    /// Returns the batch at the cursor and moves the cursor behind it.
    ///
    /// - Throws: ``DataError`` when a shard is damaged; the cursor then stays.
    package mutating func next() throws -> TokenBatch {
        var windows: [Int] = []
        for position in cursor.sequences..<(cursor.sequences + batch) {
            let (epoch, index) = position.quotientAndRemainder(dividingBy: sequencesPerEpoch)
            if epoch != order.epoch {
                order = (epoch, Permutation(count: sequencesPerEpoch, seed: seed, epoch: epoch))
            }
            windows.append(order.permutation[index])
        }
        let tokens = try dataset.batch(of: windows, sequence: sequence)
        cursor.sequences += batch
        return tokens
    }
}

extension TokenDataset {
    /// Batches for validation: the first sequences of the split, in order, the same every time.
    ///
    /// - Parameter limit: Most batches returned; the last full one is the last. If not even one
    ///   can be filled, a single smaller one is returned.
    /// - Throws: ``DataError`` when the split is shorter than one sequence, or damaged.
    package func validationBatches(batch: Int, sequence: Int, limit: Int) throws -> [TokenBatch] {
        guard batch > 0, limit > 0 else {
            throw DataError(
                "\(limit) batches of \(batch) sequences cannot be validated on",
                remedy: "Use 1 or more of each.")
        }
        let windows = try windowCount(sequence: sequence)
        if windows < batch { return [try self.batch(of: Array(0..<windows), sequence: sequence)] }
        return try (0..<min(limit, windows / batch)).map {
            try self.batch(of: Array(($0 * batch)..<(($0 + 1) * batch)), sequence: sequence)
        }
    }

    /// Windows of `sequence` + 1 tokens that start at multiples of `sequence`.
    ///
    /// - Throws: ``DataError`` when there is none.
    package func windowCount(sequence: Int) throws -> Int {
        guard sequence > 0 else {
            throw DataError(
                "A sequence of \(sequence) tokens is not possible", remedy: "Use 1 or more.")
        }
        guard tokenCount > sequence else {
            throw DataError(
                "The \(split.rawValue) data of \(directory.path) has \(tokenCount) tokens, too few "
                    + "for a sequence of \(sequence) and its next token",
                remedy: split == .train
                    ? "Lower the sequence length, or prepare more text."
                    : "Lower the sequence length, or prepare the text with a larger "
                        + "--validation-fraction.")
        }
        return (tokenCount - 1) / sequence
    }

    /// The windows with the given numbers, as [windows, sequence + 1].
    func batch(of windows: [Int], sequence: Int) throws -> TokenBatch {
        let length = sequence + 1
        let tokens = try HostArray(Shape(.int32, [windows.count, length])) { bytes in
            let tokens = bytes.bindMemory(to: Int32.self)
            for (row, window) in windows.enumerated() {
                try copy(
                    (window * sequence)..<(window * sequence + length),
                    to: UnsafeMutableBufferPointer(
                        rebasing: tokens[(row * length)..<((row + 1) * length)]))
            }
        }
        return TokenBatch(tokens: tokens)
    }
}
