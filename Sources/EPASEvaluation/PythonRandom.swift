/// Python's `random.Random`: the Mersenne Twister MT19937 (Matsumoto & Nishimura, 1998), seeded by
/// its `init_by_array` with the seed's 32-bit digits.
struct PythonRandom {
    private static let size = 624
    private var state = [UInt32](repeating: 0, count: size)
    private var position = size

    init(seed: UInt32) {
        state[0] = 19_650_218
        for i in 1..<Self.size {
            state[i] = 1_812_433_253 &* (state[i - 1] ^ state[i - 1] >> 30) &+ UInt32(i)
        }
        var i = 1
        func previous(_ state: [UInt32]) -> UInt32 { state[i - 1] ^ state[i - 1] >> 30 }
        func step() {
            i += 1
            if i >= Self.size {
                state[0] = state[Self.size - 1]
                i = 1
            }
        }
        // The key has one digit, whose index is therefore always 0.
        for _ in 0..<Self.size {
            state[i] = (state[i] ^ previous(state) &* 1_664_525) &+ seed
            step()
        }
        for _ in 1..<Self.size {
            state[i] = (state[i] ^ previous(state) &* 1_566_083_941) &- UInt32(i)
            step()
        }
        state[0] = 0x8000_0000
    }

    /// 32 random bits.
    private mutating func next() -> UInt32 {
        if position == Self.size {
            for i in 0..<Self.size {
                let y = state[i] & 0x8000_0000 | state[(i + 1) % Self.size] & 0x7FFF_FFFF
                let mixed = y >> 1 ^ (y & 1 == 0 ? 0 : 0x9908_B0DF)
                state[i] = state[(i + 397) % Self.size] ^ mixed
            }
            position = 0
        }
        var y = state[position]
        position += 1
        y ^= y >> 11
        y ^= y << 7 & 0x9D2C_5680
        y ^= y << 15 & 0xEFC6_0000
        return y ^ y >> 18
    }

    /// A number in [0, 1), from 53 bits: `random()`.
    mutating func uniform() -> Double {
        let (high, low) = (next() >> 5, next() >> 6)
        return (Double(high) * 67_108_864 + Double(low)) / 9_007_199_254_740_992
    }

    /// An index below `count`, as `choices` draws it.
    mutating func index(below count: Int) -> Int { Int(uniform() * Double(count)) }
}
