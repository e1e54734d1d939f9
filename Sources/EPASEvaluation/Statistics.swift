// Means and their standard errors as lm-evaluation-harness 0.4.13 computes them
// (lm_eval/api/metrics.py: mean_stderr, bootstrap_stderr).

import Foundation
import Synchronization

enum Statistics {
    /// Resamplings behind a bootstrapped standard error, and how many share a seed.
    static let resamplings = 100_000
    static let resamplingsPerSeed = 1000

    static func mean(_ values: [Double]) -> Double {
        values.reduce(0, +) / Double(values.count)
    }

    /// With Bessel's correction; of at least two values.
    static func sampleDeviation(_ values: [Double]) -> Double {
        let mean = mean(values)
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return (squares / Double(values.count - 1)).squareRoot()
    }

    /// The standard error of a mean; `nil` for fewer than two values.
    static func standardErrorOfMean(_ values: [Double]) -> Double? {
        guard values.count > 1 else { return nil }
        return sampleDeviation(values) / Double(values.count).squareRoot()
    }

    /// The standard errors of exp(-mean) of several equally long lists, by bootstrap: the same
    /// draws for every list. `nil` for fewer than two values.
    static func standardErrorsOfPerplexity(_ lists: [[Double]]) -> [Double?] {
        guard let count = lists.first?.count, count > 1 else { return lists.map { _ in nil } }
        let seeds = resamplings / resamplingsPerSeed
        let drawn = Drawn(seeds: seeds)
        DispatchQueue.concurrentPerform(iterations: seeds) { seed in
            var random = PythonRandom(seed: UInt32(seed))
            var values = [[Double]](repeating: [], count: lists.count)
            for _ in 0..<resamplingsPerSeed {
                var sums = [Double](repeating: 0, count: lists.count)
                for _ in 0..<count {
                    let index = random.index(below: count)
                    for list in lists.indices { sums[list] += lists[list][index] }
                }
                for list in lists.indices { values[list].append(exp(-sums[list] / Double(count))) }
            }
            drawn.set(values, seed: seed)
        }
        return lists.indices.map { sampleDeviation(drawn.values(ofList: $0)) }
    }
}

/// What each seed's resamplings gave, filled in by several threads.
private final class Drawn: Sendable {
    private let bySeed: Mutex<[[[Double]]]>

    init(seeds: Int) {
        bySeed = Mutex([[[Double]]](repeating: [], count: seeds))
    }

    func set(_ values: [[Double]], seed: Int) {
        bySeed.withLock { $0[seed] = values }
    }

    func values(ofList list: Int) -> [Double] {
        bySeed.withLock { $0.flatMap { $0[list] } }
    }
}
