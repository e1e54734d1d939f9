import EPASArray
import EPASTesting
import Testing

@Suite struct ClosenessTests {
    @Test func `the message names the largest differences and their places`() {
        let closeness = Closeness(
            HostArray([1.0, 2.5, 110, 0], [2, 2]), HostArray([1.0, 2, 100, 0], [2, 2]),
            relative: 0.01, absolute: 0.1)
        #expect(!closeness.isClose)
        #expect(
            closeness.description == """
                2 of 4 elements of float64[2, 2] differ by more than 0.1 + 0.01 * |expected|; \
                largest absolute difference 10.0 at [1, 0] (110.0, expected 100.0), \
                largest relative difference 0.25 at [0, 1] (2.5, expected 2.0)
                """)
    }

    @Test(arguments: [
        (1.0, 1.0, true), (1.09, 1, true), (1.2, 1, false), (101, 100, true), (103, 100, false),
        (.infinity, .infinity, true), (-.infinity, .infinity, false), (.infinity, 1, false),
        (1, .infinity, false), (.nan, .nan, false), (.nan, 1, false), (1, .nan, false),
    ])
    func tolerances(actual: Double, expected: Double, isClose: Bool) {
        let closeness = Closeness(
            HostArray(actual), HostArray(expected), relative: 0.02, absolute: 0.08)
        #expect(closeness.isClose == isClose, "\(closeness)")
    }

    @Test func `shapes must be equal`() {
        let closeness = Closeness(
            HostArray([1.0], [1]), HostArray(1.0), relative: 1, absolute: 1)
        #expect(!closeness.isClose)
        #expect(closeness.description == "shape is float64[1], expected float64[]")
    }

    @Test func `random arrays repeat by seed`() {
        var first = RandomArrays(seed: 1)
        var second = RandomArrays(seed: 1)
        var third = RandomArrays(seed: 2)
        let array = first.array([100], in: 2..<3)
        #expect(array.doubles() == second.array([100], in: 2..<3).doubles())
        #expect(array.doubles() != third.array([100], in: 2..<3).doubles())
        #expect(array.doubles().allSatisfy { (2..<3).contains($0) })
        #expect(first.indices([1000], below: 7).doubles().max() == 6)
    }
}
