import Synchronization

/// Memory that encoding uses again and again: one call at a time uses a workspace.
struct Workspace: Sendable {
    var cache = WordCache()
    /// The tokens of the word being encoded.
    var tokens: [Int32] = []

    /// Neighbours of each token that is still there; -1 at the ends.
    private var previous: [Int32] = []
    private var next: [Int32] = []
    /// A heap of possible merges: rank in the upper half, place of the left token in the lower.
    private var queue: [UInt64] = []

    /// Joins neighbours, the merge of the lowest rank first, of equal ones the leftmost.
    ///
    /// A merge that waits in the queue stays valid as long as the two tokens at its place make
    /// the token that it was to make, even if the two have become others: so does `tokenizers`.
    mutating func joinTokens(by merges: MergeTable) {
        let count = tokens.count
        guard count > 1 else { return }
        queue.removeAll(keepingCapacity: true)
        for place in 0..<(count - 1) {
            if let rank = merges.rank(tokens[place], tokens[place + 1]) {
                queue.append(UInt64(rank) << 32 | UInt64(place))
            }
        }
        guard !queue.isEmpty else { return }
        previous.removeAll(keepingCapacity: true)
        next.removeAll(keepingCapacity: true)
        for place in 0..<count {
            previous.append(Int32(place) - 1)
            next.append(place + 1 < count ? Int32(place) + 1 : -1)
        }
        for place in stride(from: (queue.count - 2) / 2, through: 0, by: -1) { siftDown(place) }

        while let top = popQueue() {
            let place = Int(top & 0xFFFF_FFFF)
            let product = merges.products[Int(top >> 32)]
            // -1 marks a token that was joined to its left neighbour.
            guard tokens[place] >= 0, next[place] >= 0 else { continue }
            let right = Int(next[place])
            guard let rank = merges.rank(tokens[place], tokens[right]),
                merges.products[Int(rank)] == product
            else { continue }
            tokens[place] = product
            tokens[right] = -1
            next[place] = next[right]
            if next[right] >= 0 { previous[Int(next[right])] = Int32(place) }
            if previous[place] >= 0,
                let rank = merges.rank(tokens[Int(previous[place])], product)
            {
                push(UInt64(rank) << 32 | UInt64(previous[place]))
            }
            if next[place] >= 0, let rank = merges.rank(product, tokens[Int(next[place])]) {
                push(UInt64(rank) << 32 | UInt64(place))
            }
        }
        tokens.removeAll { $0 < 0 }
    }

    private mutating func push(_ merge: UInt64) {
        var place = queue.count
        queue.append(merge)
        while place > 0, queue[(place - 1) / 2] > merge {
            queue[place] = queue[(place - 1) / 2]
            place = (place - 1) / 2
        }
        queue[place] = merge
    }

    private mutating func popQueue() -> UInt64? {
        guard let last = queue.popLast() else { return nil }
        guard let top = queue.first else { return last }
        queue[0] = last
        siftDown(0)
        return top
    }

    private mutating func siftDown(_ start: Int) {
        queue.withUnsafeMutableBufferPointer { queue in
            var place = start
            let merge = queue[place]
            while true {
                var child = 2 * place + 1
                guard child < queue.count else { break }
                if child + 1 < queue.count, queue[child + 1] < queue[child] { child += 1 }
                guard queue[child] < merge else { break }
                queue[place] = queue[child]
                place = child
            }
            queue[place] = merge
        }
    }
}

/// The tokens of words met before.
struct WordCache: Sendable {
    /// Words kept, and bytes of a word: with their tokens at most about 20 MB.
    private static let mostWords = 1 << 16
    static let longestWord = 64

    private var words = ByteTable()
    /// Where the tokens of each word end.
    private var ends: [UInt32] = []
    private var tokens: [Int32] = []

    /// Appends the tokens of a word; `false` if the word is not known.
    func append(_ word: UnsafeBufferPointer<UInt8>, to result: inout [Int32]) -> Bool {
        guard let index = words.find(word) else { return false }
        let start = index == 0 ? 0 : Int(ends[index - 1])
        for place in start..<Int(ends[index]) { result.append(tokens[place]) }
        return true
    }

    mutating func insert(_ word: UnsafeBufferPointer<UInt8>, _ ids: ArraySlice<Int32>) {
        guard words.count < Self.mostWords, words.insert(word) != nil else { return }
        tokens.append(contentsOf: ids)
        ends.append(UInt32(tokens.count))
    }
}

/// Workspaces that no call uses at the moment.
final class WorkspacePool: Sendable {
    private static let mostKept = 8
    private let free = Mutex<[Workspace]>([])

    /// Lends a workspace for the time of the call.
    func withWorkspace<Result>(_ body: (inout Workspace) -> Result) -> Result {
        var workspace = free.withLock { $0.popLast() } ?? Workspace()
        let result = body(&workspace)
        free.withLock { if $0.count < Self.mostKept { $0.append(workspace) } }
        return result
    }
}
