import Testing

@testable import EPASEvaluation

/// What a metric takes from Python; expected values are CPython 3.11's.
@Suite("Python's texts and random numbers")
struct PythonTests {
    @Test(
        "random() and choices() of a seed",
        arguments: [
            (
                0, [0.8444218515250481, 0.7579544029403025, 0.420571580830845], [8, 7, 4, 2, 5, 4]
            ),
            (1, [0.13436424411240122, 0.8474337369372327, 0.763774618976614], [1, 8, 7, 2, 4, 4]),
            (
                99, [0.40397807494366633, 0.20007544457494542, 0.17880232058661227],
                [4, 2, 1, 2, 7, 2]
            ),
            (
                4_294_967_295, [0.6353574441341173, 0.20319993954407756, 0.6073666030347188],
                [6, 2, 6, 2, 3, 3]
            ),
        ] as [(UInt32, [Double], [Int])])
    func random(seed: UInt32, numbers: [Double], indices: [Int]) {
        var random = PythonRandom(seed: seed)
        #expect(numbers.map { _ in random.uniform() } == numbers)
        random = PythonRandom(seed: seed)
        #expect(indices.map { _ in random.index(below: 10) } == indices)
    }

    @Test func randomBeyondOneRefill() {
        var random = PythonRandom(seed: 5)
        for _ in 1..<1000 { _ = random.uniform() }
        #expect(random.uniform() == 0.49437704439476116)
    }

    @Test(
        "words and trailing white space",
        arguments: [
            ("", 1, ""), (" ", 2, ""), ("a", 1, "a"), ("a b", 2, "a b"),
            (" a  b\n", 4, " a  b"), ("a\u{A0}b\u{3000}c", 3, "a\u{A0}b\u{3000}c"),
            ("a\u{1C}b\u{85}c", 3, "a\u{1C}b\u{85}c"), ("a\u{200B}b", 1, "a\u{200B}b"),
            ("a\u{2028}b\r\nc", 3, "a\u{2028}b\r\nc"), ("a\r\n", 2, "a"),
        ])
    func text(_ text: String, words: Int, stripped: String) {
        #expect(text.wordCount == words)
        #expect(text.splitBeforeTrailingSpace.text == stripped)
        let (before, space) = text.splitBeforeTrailingSpace
        #expect(Array((before + space).utf8) == Array(text.utf8))
    }

    @Test(
        "the last word",
        arguments: [
            ("a b c", "a b", "c"), ("word", "", "word"), (" word", "", "word"),
            ("two  x", "two ", "x"),
            ("x\ny", "", "x\ny"), ("ends ", "ends", ""),
        ])
    func lastWord(_ text: String, before: String, last: String) {
        let split = text.splitAtLastSpace
        #expect(split.before == before)
        #expect(split.last == last)
    }
}

/// Expected values are lm-evaluation-harness 0.4.13's.
@Suite("Means and standard errors")
struct StatisticsTests {
    @Test func mean() throws {
        let values: [Double] = [1, 0, 0, 1, 1]
        #expect(Statistics.mean(values) == 0.6)
        let error = try #require(Statistics.standardErrorOfMean(values))
        #expect(abs(error - 0.24494897427831783) < 1e-15)
        #expect(Statistics.standardErrorOfMean([1]) == nil)
    }

    @Test func perplexity() throws {
        let errors = Statistics.standardErrorsOfPerplexity([
            [-1.5, -2.25, -0.125, -4.0], [-0.5, -0.75, -1.0, -3.5],
        ])
        for (error, expected) in zip(errors, [7.220148371838186, 3.8845295905601294]) {
            #expect(abs(try #require(error) - expected) < 1e-10)
        }
        #expect(Statistics.standardErrorsOfPerplexity([[-1], [-2]]) == [nil, nil])
    }
}
