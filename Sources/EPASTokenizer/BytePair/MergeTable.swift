/// Which pairs of tokens join, in which order, into which token.
struct MergeTable: Sendable {
    private var keys: [UInt64]
    private var ranks: [UInt32]
    private let seed = UInt64.random(in: .min ... .max) | 1
    /// The token that each merge makes, by rank.
    private(set) var products: [Int32] = []

    /// No pair of tokens has this key, for ids are not negative.
    private static let free = UInt64.max

    init(capacity: Int) {
        var size = 16
        while size < capacity * 2 { size *= 2 }
        keys = Array(repeating: Self.free, count: size)
        ranks = Array(repeating: 0, count: size)
    }

    @inline(__always)
    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    @inline(__always)
    private func firstSlot(_ key: UInt64) -> Int {
        let (high, low) = (key ^ seed).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return Int(truncatingIfNeeded: high ^ low) & (keys.count - 1)
    }

    /// The rank of the pair's merge; smaller ones go first. `nil` if the pair does not join.
    @inline(__always)
    func rank(_ left: Int32, _ right: Int32) -> UInt32? {
        let key = Self.key(left, right)
        var slot = firstSlot(key)
        return keys.withUnsafeBufferPointer { keys in
            while keys[slot] != Self.free {
                if keys[slot] == key { return ranks[slot] }
                slot = (slot + 1) & (keys.count - 1)
            }
            return nil
        }
    }

    /// Adds the merge of the next rank. Of a pair given twice, the later rank counts.
    ///
    /// - Precondition: not more merges than the capacity.
    mutating func append(_ left: Int32, _ right: Int32, makes product: Int32) {
        let key = Self.key(left, right)
        var slot = firstSlot(key)
        while keys[slot] != Self.free, keys[slot] != key { slot = (slot + 1) & (keys.count - 1) }
        keys[slot] = key
        ranks[slot] = UInt32(products.count)
        products.append(product)
    }
}
