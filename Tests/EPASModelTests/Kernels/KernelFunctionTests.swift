import EPASArray
import EPASGraph
import EPASModel
import EPASRuntime
import EPASTesting
import Testing

/// The kernels' functions for the CPU against their plain forms.
@Suite struct KernelFunctionTests {
    let kernels: Set<String>

    init() throws {
        kernels = try TestClient.shared.kernels
    }

    @Test(arguments: [ElementType.float32, .bfloat16])
    func `the functions compute what the plain forms do`(type: ElementType) throws {
        try KernelComparison(type: type, kernels: kernels).run()
    }
}

/// Compares functions and plain forms over shapes that do not fit registers.
struct KernelComparison {
    let type: ElementType
    let kernels: Set<String>

    func run() throws {
        var cases = KernelCases(seed: 3, type: type)
        for (m, d) in [(1, 1), (3, 15), (2, 64), (5, 77)] { try check(cases.rmsNorm(m, d)) }
        for (m, width, out) in [
            (1, 1, 1), (1, 33, 7), (2, 32, 4), (5, 70, 9), (7, 64, 33), (13, 100, 18), (130, 17, 5),
        ] {
            try check(cases.linear(m, in: width, out: out, to: type))
            try check(cases.linear(m, in: width, out: out, to: .float32, bias: true))
            try check(cases.linear(m, in: width, out: out, to: type, residual: true))
            try check(
                cases.linear(m, in: width, out: out, to: .float32, bias: true, residual: true))
            try check(cases.linear(m, in: width, out: out, to: type, bias: true, residual: true))
        }
        for (m, n, h) in [(1, 1, 2), (3, 2, 6), (2, 3, 64), (4, 1, 34)] {
            try check(cases.rotary(m, heads: n, h))
        }
        for (m, f) in [(1, 1), (3, 17), (2, 64)] { try check(cases.swiGLU(m, f)) }
        for kind in [CachePlane.key, .value] {
            for (m, blocks, k, h, u) in [(1, 1, 1, 1, 1), (7, 3, 2, 5, 4), (40, 4, 3, 16, 32)] {
                try check(cases.cacheWrite(m, kind: kind, blocks: blocks, heads: k, h, tokens: u))
            }
        }
        for (m, n, k, h, s, c, u) in [
            (1, 1, 1, 1, 1, 1, 1), (9, 4, 2, 6, 3, 3, 4), (20, 6, 2, 64, 2, 3, 32),
            (3, 5, 1, 80, 2, 2, 17), (2, 8, 8, 33, 1, 2, 40), (2, 2, 1, 16, 2, 40, 32),
            (30, 9, 1, 50, 1, 23, 48),
        ] {
            let pair = cases.attention(
                m, heads: n, keyValueHeads: k, h, sequences: s, columns: c, tokens: u)
            try check(pair.probabilities)
            try check(pair.mix)
        }
    }

    /// Both round the same numbers to the result's type, so that they may differ by one unit in the
    /// last place; before that, in float32, sums of up to 1300 products of magnitude up to 4 in
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
