// Norms, SwiGLU and embeddings of training, and their derivatives, in double precision.
//
// Dimensions: M rows, D model, F feed-forward width, V vocabulary.

import EPASArray
import EPASModel
import EPASTesting
import Foundation

extension KernelCases {
    mutating func addRMSNorm(_ m: Int, _ d: Int) -> KernelCase {
        let x = random.array([m, d], in: -3..<3, as: .float32)
        let a = random.array([m, d], in: -3..<3, as: type)
        let weight = random.array([d], as: .float32)
        let sum = HostArray(zip(x.doubles(), a.doubles()).map(+), [m, d])
        let y = normed(sum.converted(to: .float32), weight, epsilon: Self.epsilon)
        return KernelCase(
            kernel: AddRMSNormKernel(epsilon: Self.epsilon), inputs: [x, a, weight],
            expected: [sum, HostArray(y, [m, d])])
    }

    /// - Parameters:
    ///   - results: Cotangents of the norm.
    ///   - passed: Cotangents that pass it by.
    mutating func rmsNormGradient(_ m: Int, _ d: Int, results: Int, passed: Int) -> KernelCase {
        let x = random.array([m, d], in: -3..<3, as: .float32)
        let weight = random.array([d], as: .float32)
        let terms = (0..<results + passed).map {
            random.array([m, d], as: $0 < results ? type : .float32)
        }
        let (xs, ws) = (x.doubles(), weight.doubles())
        func sum(_ terms: ArraySlice<HostArray>) -> [Double] {
            terms.map { $0.doubles() }
                .reduce([Double](repeating: 0, count: m * d)) { zip($0, $1).map(+) }
        }
        var dx = sum(terms.suffix(passed))
        var dw = [Double](repeating: 0, count: d)
        let dy = sum(terms.prefix(results))
        for row in 0..<m {
            let places = row * d..<(row + 1) * d
            let square = places.reduce(0) { $0 + xs[$1] * xs[$1] } / Double(d)
            let r = 1 / (square + Self.epsilon).squareRoot()
            let mean = places.reduce(0) { $0 + dy[$1] * ws[$1 % d] * xs[$1] } / Double(d)
            for i in places {
                dx[i] += r * dy[i] * ws[i % d] - xs[i] * r * r * r * mean
                dw[i % d] += dy[i] * xs[i] * r
            }
        }
        return KernelCase(
            kernel: RMSNormGradientKernel(epsilon: Self.epsilon, resultTerms: results),
            inputs: [x, weight] + terms,
            expected: [HostArray(dx, [m, d]), HostArray(dw, [d])]
                + (type == .float32 ? [] : [HostArray(dx, [m, d])]))
    }

    mutating func swiGLU(_ m: Int, _ f: Int) -> KernelCase {
        let gate = random.array([m, f], in: -20..<20, as: type)
        let up = random.array([m, f], as: type)
        let expected = zip(gate.doubles(), up.doubles()).map { $0 / (1 + exp(-$0)) * $1 }
        return KernelCase(
            kernel: SwiGLUKernel(), inputs: [gate, up], expected: [HostArray(expected, [m, f])])
    }

    mutating func swiGLUGradient(_ m: Int, _ f: Int) -> KernelCase {
        let gate = random.array([m, f], in: -20..<20, as: type)
        let (up, dy) = (random.array([m, f], as: type), random.array([m, f], as: type))
        let (ups, dys) = (up.doubles(), dy.doubles())
        var expected: ([Double], [Double]) = ([], [])
        for (i, g) in gate.doubles().enumerated() {
            let s = 1 / (1 + exp(-g))
            expected.0.append(dys[i] * ups[i] * s * (1 + g * (1 - s)))
            expected.1.append(dys[i] * g * s)
        }
        return KernelCase(
            kernel: SwiGLUGradientKernel(), inputs: [gate, up, dy],
            expected: [HostArray(expected.0, [m, f]), HostArray(expected.1, [m, f])])
    }

    /// Indices of which every seventh one is outside the table of `v` rows.
    private mutating func indices(_ m: Int, _ v: Int) -> HostArray {
        let outside: [Int32] = [-1, Int32(v), .max, .min]
        return HostArray(
            (0..<m).map { $0 % 7 == 6 ? outside[$0 % 4] : Int32(random.next() % UInt64(v)) }, [m])
    }

    /// Of a table of `table`'s type, rows rounded to `type`.
    mutating func embedding(_ m: Int, _ d: Int, vocabulary v: Int, table: ElementType) -> KernelCase
    {
        let rows = random.array([v, d], as: table)
        let indices = indices(m, v)
        let values = rows.converted(to: type).doubles()
        let expected = indices.elements(as: Int32.self).flatMap { index in
            let row = min(max(Int(index), 0), v - 1)
            return values[row * d..<(row + 1) * d]
        }
        return KernelCase(
            kernel: EmbeddingKernel(precision: type), inputs: [rows, indices],
            expected: [HostArray(expected, [m, d])])
    }

    mutating func embeddingGradient(
        _ m: Int, _ d: Int, vocabulary v: Int, terms count: Int
    ) -> KernelCase {
        let indices = indices(m, v)
        let terms = (0..<count).map { _ in random.array([m, d], as: type) }
        var expected = [Double](repeating: 0, count: v * d)
        for term in terms.map({ $0.doubles() }) {
            for (row, index) in indices.elements(as: Int32.self).enumerated() {
                guard (0..<v).contains(Int(index)) else { continue }
                for i in 0..<d { expected[Int(index) * d + i] += term[row * d + i] }
            }
        }
        return KernelCase(
            kernel: EmbeddingGradientKernel(rows: v), inputs: [indices] + terms,
            expected: [HostArray(expected, [v, d])])
    }

    /// One call of each on M rows of `width` numbers.
    mutating func trainingRows(_ m: Int, _ width: Int) -> [KernelCase] {
        var all = [
            rmsNorm(m, width, of: .float32), addRMSNorm(m, width), swiGLU(m, width),
            swiGLUGradient(m, width),
        ]
        for (results, passed) in [(1, 0), (1, 1), (3, 1), (8, 8)] {
            all.append(rmsNormGradient(m, width, results: results, passed: passed))
        }
        for v in [1, 30] {
            for table in Set([type, .float32]) {
                all.append(embedding(m, width, vocabulary: v, table: table))
            }
            for terms in [1, 2, 8] {
                all.append(embeddingGradient(m, width, vocabulary: v, terms: terms))
            }
        }
        return all
    }
}
