import DequeModule
import EPASModel

/// Which blocks of the key-value cache are free, in use, or kept for prompts that start the same.
///
/// A block holds the keys or the values of one layer for ``length`` consecutive tokens. Blocks
/// whose contents are known by a ``Key`` may be used by several sequences at once; nobody writes
/// to them any more.
struct BlockPool {
    /// Tokens in a block.
    static let length = CachedRows.blockLength

    /// What a full block holds.
    struct Key: Hashable {
        /// The plane and what it depends on, as numbered by the engine.
        let plane: Int
        /// Digest of all tokens up to the block's end.
        let tokens: TokenDigest
    }

    /// Number of blocks.
    let count: Int

    private var free: [Int32]
    /// Sequences that use each block.
    private var users: [Int]
    private var keys: [Key?]
    private var blocks: [Key: Int32] = [:]
    /// Blocks without users in the order in which they lost them, with the time of that; an entry
    /// whose time is not the block's is outdated.
    private var kept: Deque<(block: Int32, time: UInt64)> = []
    private var times: [UInt64]
    private var clock: UInt64 = 0
    /// Blocks without users that hold something known.
    private(set) var keptCount = 0

    init(count: Int) {
        self.count = count
        free = (0..<Int32(count)).reversed()
        users = Array(repeating: 0, count: count)
        keys = Array(repeating: nil, count: count)
        times = Array(repeating: 0, count: count)
    }

    var usedCount: Int { count - free.count - keptCount }
    var availableCount: Int { free.count + keptCount }

    /// Takes a block for one sequence: a free one, else the one kept for the longest time.
    mutating func allocate() -> Int32? {
        if let block = free.popLast() {
            users[Int(block)] = 1
            return block
        }
        while let (block, time) = kept.popFirst() {
            guard users[Int(block)] == 0, times[Int(block)] == time,
                let key = keys[Int(block)]
            else { continue }
            blocks[key] = nil
            keys[Int(block)] = nil
            keptCount -= 1
            users[Int(block)] = 1
            return block
        }
        return nil
    }

    /// The block that holds something known, if there is one.
    func block(for key: Key) -> Int32? { blocks[key] }

    /// Adds a user to a block.
    mutating func retain(_ block: Int32) {
        if users[Int(block)] == 0 { keptCount -= 1 }
        users[Int(block)] += 1
    }

    /// Removes a user from a block. Without users it is kept if its contents are known.
    mutating func release(_ block: Int32) {
        users[Int(block)] -= 1
        guard users[Int(block)] == 0 else { return }
        guard keys[Int(block)] != nil else {
            free.append(block)
            return
        }
        clock += 1
        times[Int(block)] = clock
        kept.append((block, clock))
        keptCount += 1
        if kept.count > 4 * count { removeOutdated() }
    }

    /// Makes a full block known.
    ///
    /// - Returns: The block to use in its place: another one where that already holds the same.
    mutating func publish(_ block: Int32, as key: Key) -> Int32 {
        if let other = blocks[key] {
            guard other != block else { return block }
            retain(other)
            release(block)
            return other
        }
        guard keys[Int(block)] == nil else { return block }
        keys[Int(block)] = key
        blocks[key] = block
        return block
    }

    private mutating func removeOutdated() {
        kept.removeAll { users[Int($0.block)] > 0 || times[Int($0.block)] != $0.time }
    }
}
