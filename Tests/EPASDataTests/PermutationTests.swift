import Testing

@testable import EPASData

@Suite("Permutation")
struct PermutationTests {
    @Test("every element once", arguments: Array(1...70) + [127, 128, 129, 1_000, 4_097, 65_537])
    func isABijection(count: Int) {
        for seed in 0..<3 as Range<UInt64> {
            let permutation = Permutation(count: count, seed: seed, epoch: 2)
            #expect(Set((0..<count).map { permutation[$0] }) == Set(0..<count))
        }
    }

    @Test func seedsAndEpochsDiffer() {
        let places: [(UInt64, Int)] = [(1, 0), (1, 1), (2, 0), (2, 1)]
        let orders = places.map { seed, epoch in
            let permutation = Permutation(count: 1_000, seed: seed, epoch: epoch)
            return (0..<1_000).map { permutation[$0] }
        }
        #expect(Set(orders).count == 4)
    }

    /// Fixed, because resumed runs depend on it.
    @Test func theOrderNeverChanges() {
        let permutation = Permutation(count: 10, seed: 7, epoch: 3)
        #expect((0..<10).map { permutation[$0] } == [9, 1, 0, 2, 4, 5, 8, 7, 6, 3])
    }

    @Test func isWellMixed() {
        // Correlation of place and element, whose standard deviation is 1/sqrt(count).
        let count = 10_000
        let permutation = Permutation(count: count, seed: 5, epoch: 0)
        let mean = Double(count - 1) / 2
        var covariance = 0.0
        var variance = 0.0
        var neighbours = 0
        for i in 0..<count {
            covariance += (Double(i) - mean) * (Double(permutation[i]) - mean)
            variance += (Double(i) - mean) * (Double(i) - mean)
            if i > 0, abs(permutation[i] - permutation[i - 1]) == 1 { neighbours += 1 }
        }
        #expect(abs(covariance / variance) < 0.05)
        // Two are expected; ten or more have a probability below 1e-4.
        #expect(neighbours < 10)
    }

    @Test func ofBillionsIsInstant() {
        let permutation = Permutation(count: 1 << 40 + 1, seed: 1, epoch: 0)
        #expect(Set((0..<1_000).map { permutation[$0] }).count == 1_000)
    }
}
