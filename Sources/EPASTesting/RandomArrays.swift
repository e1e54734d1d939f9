package import EPASArray

/// Random arrays for tests; equal seeds give equal arrays on every machine.
package struct RandomArrays {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    /// The generator splitmix64, Steele, Lea & Flood (2014).
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A number in `range`, each equally likely.
    package mutating func uniform(in range: Range<Double>) -> Double {
        let unit = Double(next() >> 11) * 0x1p-53
        return range.lowerBound + (range.upperBound - range.lowerBound) * unit
    }

    /// An array of a floating-point type with elements spread evenly over `range`.
    package mutating func array(
        _ dimensions: [Int], in range: Range<Double> = -1..<1,
        as elementType: ElementType = .float64
    ) -> HostArray {
        let count = dimensions.reduce(1, *)
        let values = (0..<count).map { _ in uniform(in: range) }
        return HostArray(values, dimensions).converted(to: elementType)
    }

    /// An array of indices from `0..<limit`.
    package mutating func indices(_ dimensions: [Int], below limit: Int) -> HostArray {
        let count = dimensions.reduce(1, *)
        return HostArray(
            (0..<count).map { _ in Int32(truncatingIfNeeded: next() % UInt64(limit)) }, dimensions)
    }
}
