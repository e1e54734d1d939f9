package import EPASArray

/// Random arrays for tests; equal seeds give equal arrays on every machine.
package struct RandomArrays {
    private var generator: SplitMix

    package init(seed: UInt64) {
        generator = SplitMix(seed: seed)
    }

    package mutating func next() -> UInt64 { generator.next() }

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
