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
        var inputs: [KernelCases.InputsSize]
        var attentions: [Attention]
    }

    static let all = Sizes(
        rows: [(1, 1), (3, 15), (2, 64), (5, 77)],
        products: [
            (1, 1, 1), (1, 33, 7), (2, 32, 4), (5, 70, 9), (7, 64, 33), (13, 100, 18), (130, 17, 5),
            (8, 2085, 6),
        ],
        inputs: [
            .init(m: 1, d: 1, n: 1, k: 1, h: 2, blocks: 2, u: 1),
            .init(m: 7, d: 33, n: 6, k: 2, h: 6, blocks: 4, u: 4),
            .init(m: 3, d: 70, n: 2, k: 1, h: 34, blocks: 2, u: 5),
            .init(m: 40, d: 64, n: 3, k: 3, h: 16, blocks: 4, u: 32),
        ],
        attentions: [
            (1, 1, 1, 1, 1, 1, 1), (9, 4, 2, 6, 3, 3, 4), (20, 6, 2, 64, 2, 3, 32),
            (3, 5, 1, 80, 2, 2, 17), (2, 8, 8, 33, 1, 2, 40), (2, 2, 1, 16, 2, 40, 32),
            (30, 9, 1, 50, 1, 23, 48),
        ])

    static let few = Sizes(
        rows: [(3, 77)], products: [(5, 70, 9), (8, 2085, 6)],
        inputs: [.init(m: 7, d: 33, n: 6, k: 2, h: 6, blocks: 4, u: 4)],
        attentions: [(20, 6, 2, 64, 2, 3, 32), (2, 2, 1, 16, 2, 40, 32)])

    func run(_ sizes: Sizes) throws {
        var cases = KernelCases(seed: 3, type: type)
        for (m, width) in sizes.rows {
            try check(cases.rmsNorm(m, width))
            try check(cases.rotary(m, heads: 3, 2 * width))
        }
        for (m, width, out) in sizes.products {
            for integers in [false, true] {
                func linear(
                    _ result: ElementType, bias: Bool = false, residual: Bool = false
                ) -> KernelCase {
                    cases.linear(
                        m, in: width, out: out, to: result, bias: bias, residual: residual,
                        integers: integers)
                }
                try check(linear(type))
                try check(linear(.float32, bias: true))
                try check(linear(type, residual: true))
                try check(linear(type, bias: true, residual: true))
            }
        }
        // Numbers in between are rounded, too.
        for (m, width, out) in sizes.products where width < 2000 {
            for (hasBiases, integers) in [
                (false, false), (true, false), (false, true), (true, true),
            ] {
                try check(
                    cases.gatedLinear(m, width, out, hasBiases: hasBiases, integers: integers),
                    roundsBetween: true)
            }
        }
        for size in sizes.inputs {
            let tests =
                cases.attentionInputs(size) + cases.attentionInputs(size, hasBiases: true)
                + cases.attentionInputs(size, integers: true)
                + cases.attentionInputs(size, hasBiases: true, integers: true)
            for test in tests { try check(test, roundsBetween: true) }
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
    ///
    /// Where numbers in between are rounded, one of those sums may also be rounded the other way
    /// there: see ``KernelCase/roundingBetween``.
    private func check(_ test: KernelCase, roundsBetween: Bool = false) throws {
        let expected = test.definedPart(try test.run())
        let actual = test.definedPart(try test.run(kernels: kernels))
        for (actual, expected) in zip(actual, expected) {
            let isNarrow = actual.shape.elementType == .bfloat16
            expectClose(
                actual, expected, relative: isNarrow ? 0x1p-7 : 1e-5,
                absolute: isNarrow && roundsBetween ? KernelCase.roundingBetween : 2e-5,
                test.testDescription)
        }
    }
}
