/// Byte strings numbered in the order of their insertion, found by their contents.
///
/// The hash has a random seed, so that no file and no text can make lookups slow on purpose.
struct ByteTable: Sendable {
    private var arena: [UInt8] = []
    /// Where each string ends in `arena`.
    private var ends: [UInt32] = []
    /// Upper half: part of the hash; lower half: number of the string plus one; 0 if free.
    private var slots: [UInt64]
    private let seed = UInt64.random(in: .min ... .max)

    init(capacity: Int = 16) {
        var size = 16
        while size < capacity * 2 { size *= 2 }
        slots = Array(repeating: 0, count: size)
    }

    var count: Int { ends.count }
    /// Bytes of all strings.
    var byteCount: Int { arena.count }

    private func range(_ index: Int) -> Range<Int> {
        (index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])
    }

    subscript(index: Int) -> ArraySlice<UInt8> { arena[range(index)] }

    @inline(__always)
    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let (high, low) = a.multipliedFullWidth(by: b)
        return high ^ low
    }

    @inline(__always)
    private func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var state = seed ^ UInt64(bytes.count) &* 0x9E37_79B9_7F4A_7C15
        let raw = UnsafeRawBufferPointer(bytes)
        var offset = 0
        while offset + 8 <= raw.count {
            let word = raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            state = Self.fold(state ^ word, 0xA076_1D64_78BD_642F)
            offset += 8
        }
        var tail: UInt64 = 0
        while offset < raw.count {
            tail = tail << 8 | UInt64(raw[offset])
            offset += 1
        }
        return Self.fold(state ^ tail, 0xE703_7ED1_A0B4_28DB)
    }

    /// The number of a string; `nil` if it is not in the table.
    func find(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        let hash = hash(bytes)
        return slots.withUnsafeBufferPointer { slots in
            let mask = slots.count - 1
            var slot = Int(truncatingIfNeeded: hash) & mask
            while slots[slot] != 0 {
                if slots[slot] >> 32 == hash >> 32 {
                    let index = Int(slots[slot] & 0xFFFF_FFFF) - 1
                    let range = range(index)
                    if range.count == bytes.count,
                        arena.withUnsafeBufferPointer({ arena in
                            UnsafeBufferPointer(rebasing: arena[range]).elementsEqual(bytes)
                        })
                    {
                        return index
                    }
                }
                slot = (slot + 1) & mask
            }
            return nil
        }
    }

    func find(_ bytes: some Collection<UInt8>) -> Int? {
        bytes.withContiguousStorageIfAvailable { find($0) }
            ?? Array(bytes).withUnsafeBufferPointer { find($0) }
    }

    /// Adds a string that is not in the table yet.
    ///
    /// - Returns: Its number; `nil` if it was there already, or the table holds 2 GiB.
    @discardableResult
    mutating func insert(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        guard find(bytes) == nil, arena.count + bytes.count < 1 << 31 else { return nil }
        arena.append(contentsOf: bytes)
        ends.append(UInt32(arena.count))
        if ends.count * 2 > slots.count {
            slots = Array(repeating: 0, count: slots.count * 2)
            for index in 0..<ends.count { place(index) }
        } else {
            place(ends.count - 1)
        }
        return ends.count - 1
    }

    @discardableResult
    mutating func insert(_ bytes: [UInt8]) -> Int? {
        bytes.withUnsafeBufferPointer { insert($0) }
    }

    private mutating func place(_ index: Int) {
        let hash = arena.withUnsafeBufferPointer { arena in
            self.hash(UnsafeBufferPointer(rebasing: arena[range(index)]))
        }
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = (hash >> 32) << 32 | UInt64(index + 1)
    }
}
