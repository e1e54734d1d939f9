// A random order of 0..<count of which any element can be asked for, in constant memory.
//
// A Feistel network (Luby and Rackoff, 1988) is a bijection on pairs of half-words whatever its
// round function. It is applied again while the result is too large ("cycle walking", Black and
// Rogaway, 2002), which keeps it a bijection; the domain is less than four times the count, so
// that takes less than four rounds of it on average.

import Crypto

/// A permutation of `0..<count`, drawn by a seed and an epoch.
struct Permutation: Sendable {
    private static let rounds = 6

    let count: Int
    private let halfBits: UInt64
    private let keys: [UInt64]

    init(count: Int, seed: UInt64, epoch: Int) {
        precondition(count > 0, "a permutation of nothing")
        self.count = count
        let bits = UInt64(Int.bitWidth - (count - 1).leadingZeroBitCount)
        halfBits = max(1, (bits + 1) / 2)
        var material = Array("epas.permutation".utf8)
        material.append(littleEndian: seed)
        material.append(littleEndian: UInt64(epoch))
        keys = (0..<Self.rounds).map { Digest(of: material + [UInt8($0)]).number(0) }
    }

    /// The element at a place of the order.
    ///
    /// - Precondition: `0..<count` contains the index.
    subscript(index: Int) -> Int {
        precondition(0..<count ~= index)
        var value = UInt64(index)
        repeat { value = permuted(value) } while value >= UInt64(count)
        return Int(value)
    }

    private func permuted(_ value: UInt64) -> UInt64 {
        let mask = (1 << halfBits) - 1 as UInt64
        var (left, right) = (value >> halfBits, value & mask)
        for key in keys {
            (left, right) = (right, left ^ (Self.mixed(right ^ key) & mask))
        }
        return left << halfBits | right
    }

    /// SplitMix64's finalizer (Steele, Lea and Flood, 2014).
    private static func mixed(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9e37_79b9_7f4a_7c15
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}
