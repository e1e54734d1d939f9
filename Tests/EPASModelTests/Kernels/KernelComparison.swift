import EPASArray
import EPASModel
import EPASTesting
import Testing

/// Compares functions and plain forms over shapes that do not fit registers.
struct KernelComparison {
    let type: ElementType
    let kernels: Set<String>

    typealias Attention = (m: Int, n: Int, k: Int, h: Int, s: Int, c: Int, u: Int)

    struct Sizes: Sendable {
        var rows: [(m: Int, width: Int)]
        var products: [(m: Int, width: Int, out: Int)]
        var heads: [(m: Int, n: Int, h: Int)]
        var caches: [(m: Int, blocks: Int, k: Int, h: Int, u: Int)]
        var attentions: [Attention]
    }

    static let all = Sizes(
        rows: [(1, 1), (3, 15), (2, 64), (5, 77)],
        products: [
            (1, 1, 1), (1, 33, 7), (2, 32, 4), (5, 70, 9), (7, 64, 33), (13, 100, 18), (130, 17, 5),
            (8, 2085, 6),
        ],
        heads: [(1, 1, 2), (3, 2, 6), (2, 3, 64), (4, 1, 34)],
        caches: [(1, 1, 1, 1, 1), (7, 3, 2, 5, 4), (40, 4, 3, 16, 32)],
        attentions: [
            (1, 1, 1, 1, 1, 1, 1), (9, 4, 2, 6, 3, 3, 4), (20, 6, 2, 64, 2, 3, 32),
            (3, 5, 1, 80, 2, 2, 17), (2, 8, 8, 33, 1, 2, 40), (2, 2, 1, 16, 2, 40, 32),
            (30, 9, 1, 50, 1, 23, 48),
        ])

    static let few = Sizes(
        rows: [(3, 77)], products: [(5, 70, 9), (8, 2085, 6)], heads: [(3, 2, 34)],
        caches: [(7, 3, 2, 5, 4)],
        attentions: [(20, 6, 2, 64, 2, 3, 32), (2, 2, 1, 16, 2, 40, 32)])

    func run(_ sizes: Sizes) throws {
        var cases = KernelCases(seed: 3, type: type)
        for (m, width) in sizes.rows {
            try check(cases.rmsNorm(m, width))
            try check(cases.swiGLU(m, width))
        }
        for (m, width, out) in sizes.products {
            try check(cases.linear(m, in: width, out: out, to: type))
            try check(cases.linear(m, in: width, out: out, to: .float32, bias: true))
            try check(cases.linear(m, in: width, out: out, to: type, residual: true))
            try check(cases.linear(m, in: width, out: out, to: type, bias: true, residual: true))
        }
        for (m, n, h) in sizes.heads { try check(cases.rotary(m, heads: n, h)) }
        for (m, blocks, k, h, u) in sizes.caches {
            for kind in [CachePlane.Kind.key, .value] {
                try check(cases.cacheWrite(m, kind: kind, blocks: blocks, heads: k, h, tokens: u))
            }
        }
        for size in sizes.attentions {
            let pair = cases.attention(
                size.m, heads: size.n, keyValueHeads: size.k, size.h, sequences: size.s,
                columns: size.c, tokens: size.u)
            try check(pair.probabilities)
            try check(pair.mix)
        }
    }

    /// Both round the same numbers to the result's type, so that they may differ by one unit in the
    /// last place; before that, in float32, sums of up to 2100 products of magnitude up to 4 in
    /// another order, and an exponential of 3 units in the last place.
    private func check(_ test: KernelCase) throws {
        let expected = test.definedPart(try test.run())
        let actual = test.definedPart(try test.run(kernels: kernels))
        let isNarrow = actual.shape.elementType == .bfloat16
        expectClose(
            actual, expected, relative: isNarrow ? 0x1p-7 : 1e-5, absolute: 2e-5,
            test.testDescription)
    }
}
