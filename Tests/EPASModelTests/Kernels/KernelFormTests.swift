import EPASArray
import EPASGraph
import EPASModel
import EPASTesting
import Testing

/// The kernels' plain forms.
@Suite struct KernelFormTests {
    /// Rounding to the result's type: half a unit in the last place, and for float32 the sums of up
    /// to 70 products of magnitude up to 6.
    private func check(_ test: KernelCase, type: ElementType) throws {
        let results = try test.run()
        #expect(results.count == test.expected.count)
        for (actual, expected) in zip(results, test.expected) {
            let (relative, absolute) = type == .bfloat16 ? (0x1p-7, 1e-6) : (1e-5, 1e-5)
            expectClose(
                actual, expected.converted(to: actual.shape.elementType), relative: relative,
                absolute: absolute, test.testDescription)
        }
    }

    @Test(arguments: [ElementType.float32, .bfloat16])
    func `the plain forms compute what they say`(type: ElementType) throws {
        var cases = KernelCases(seed: 1, type: type)
        var all = [
            cases.rmsNorm(3, 17), cases.rmsNorm(1, 1), cases.rotary(3, heads: 2, 6),
            cases.linear(3, in: 19, out: 5, to: type),
            cases.linear(1, in: 70, out: 3, to: .float32, bias: true),
            cases.linear(2, in: 8, out: 4, to: type, residual: true),
            cases.linear(4, in: 5, out: 6, to: type, bias: true, residual: true),
            cases.gatedLinear(2, 7, 33, hasBiases: false),
            cases.gatedLinear(5, 19, 3, hasBiases: true),
            cases.linear(2, in: 64, out: 3, to: type, integers: true),
            cases.linear(3, in: 70, out: 5, to: type, bias: true, residual: true, integers: true),
            cases.gatedLinear(2, 66, 5, hasBiases: false, integers: true),
            cases.gatedLinear(3, 7, 4, hasBiases: true, integers: true),
        ]
        for (hasBiases, integers) in [(false, false), (true, false), (false, true), (true, true)] {
            all += cases.attentionInputs(
                .init(m: 7, d: 15, n: 4, k: 2, h: 6, blocks: 4, u: 4), hasBiases: hasBiases,
                integers: integers)
        }
        for (n, k) in [(4, 2), (3, 3), (5, 1)] {
            let pair = cases.attention(
                9, heads: n, keyValueHeads: k, 6, sequences: 3, columns: 3, tokens: 4)
            all += [pair.probabilities, pair.mix]
        }
        for test in all { try check(test, type: type) }
    }

    @Test func `rows of negative position mix to zero`() throws {
        var cases = KernelCases(seed: 2, type: .float32)
        let mix = cases.attention(
            4, heads: 2, keyValueHeads: 1, 2, sequences: 1, columns: 2, tokens: 2
        ).mix
        #expect(try mix.run()[0].doubles().suffix(4) == [0, 0, 0, 0])
    }

    @Test(arguments: refusals + inputRefusals)
    func `operands that do not fit are refused`(refusal: KernelRefusal) { refusal.check() }

    private static func f(_ dimensions: Int...) -> Shape { Shape(.float32, dimensions) }
    private static func b(_ dimensions: Int...) -> Shape { Shape(.bfloat16, dimensions) }
    private static func i(_ dimensions: Int...) -> Shape { Shape(.int32, dimensions) }
    private static func q(_ dimensions: Int...) -> Shape { Shape(.int8, dimensions) }

    private static func refuse(_ kernel: any Kernel, _ text: String, _ lists: [Shape]...)
        -> [KernelRefusal]
    {
        lists.map { KernelRefusal(kernel: kernel, operands: $0, text: text) }
    }

    /// Of ``AttentionInputsKernel``.
    static let inputRefusals: [KernelRefusal] = {
        func kernel(query: Bool = true, key: Int? = 0, value: Int? = 1, hasBiases: Bool = false)
            -> AttentionInputsKernel
        {
            AttentionInputsKernel(
                epsilon: 1, hasQuery: query, keyPlane: key, valuePlane: value,
                hasBiases: hasBiases)
        }
        let good = [
            f(2, 3), f(3), f(9, 2), f(9, 2), i(2), f(5, 1, 8), i(2, 2), i(2), f(8, 3), f(4, 3),
            f(4, 3),
        ]
        let biased = good.prefix(9) + [f(8), f(4, 3), f(4), f(4, 3), f(4)]
        func replacing(_ index: Int, _ shape: Shape, in operands: [Shape]? = nil) -> [Shape] {
            var operands = operands ?? good
            operands[index] = shape
            return operands
        }
        var all = refuse(
            kernel(query: false, key: nil, value: nil), "queries, keys or values", Array(good))
        all += refuse(
            kernel(), "rows x [M, D]",
            [], good.dropLast(), replacing(0, f(0, 3)), replacing(0, i(2, 3)),
            replacing(1, b(3)), replacing(2, b(9, 2)), replacing(3, f(9, 1)),
            replacing(4, i(3)), replacing(7, i(3)), Array(biased))
        all += refuse(
            kernel(), "a pool [blocks, K, U·H] like x",
            replacing(5, b(5, 1, 8)), replacing(5, f(5, 1, 7)), replacing(6, i(1, 2)),
            replacing(6, i(2, 3)), replacing(6, f(2, 2)))
        all += refuse(kernel(value: -1), "with planes [0, -1]", good)
        all += refuse(
            kernel(), "of keys and values [K·H, D], H = 4",
            replacing(8, f(6, 3)), replacing(9, f(8, 3)), replacing(10, f(4, 2)),
            replacing(10, b(4, 3)))
        all += refuse(
            kernel(hasBiases: true), "each with a bias of float32",
            replacing(9, f(4), in: Array(biased)), replacing(11, b(4), in: Array(biased)))
        let integers = good.prefix(8) + [q(8, 3), f(8, 1), q(4, 3), f(4, 1), q(4, 3), f(4, 1)]
        all += refuse(
            kernel(), "or of int8 with scales",
            replacing(9, f(8, 2), in: Array(integers)), replacing(10, q(4, 2), in: Array(integers)),
            replacing(10, q(5, 3), in: Array(integers)), replacing(13, b(4, 1), in: Array(integers))
        )
        all += refuse(kernel(), "rows x [M, D]", integers.dropLast(), replacing(8, q(8, 3)))
        return all
    }()

    static let refusals: [KernelRefusal] = {
        return refuse(
            RMSNormKernel(epsilon: 1, resultType: .float32), "rows x [M, D]",
            [], [f(2, 3)], [f(0, 3), f(3)], [f(2, 3), f(2)], [f(2, 3), b(3)], [i(2, 3), f(3)],
            [f(3), f(3)], [b(2, 3), f(3)])
            + refuse(
                RMSNormKernel(epsilon: 1, resultType: .int32), "of bfloat16, not int32",
                [f(2, 3), f(3)])
            + refuse(
                RotaryKernel(), "H even",
                [f(2, 1, 3), f(2, 1), f(2, 1)], [f(2, 1, 4), f(2, 2), f(2, 1)],
                [f(2, 1, 4), b(2, 2), b(2, 2)], [f(0, 1, 4), f(0, 2), f(0, 2)],
                [f(2, 1, 4), f(3, 2), f(3, 2)])
            + refuse(
                LinearKernel(resultType: .bfloat16), "rows x [M, in]",
                [b(2, 3)], [b(0, 3), b(4, 3)], [b(2, 3), b(4, 2)], [b(2, 3), f(4, 3)],
                [b(2, 3), b(0, 3)], [b(2, 3), b(4, 3), f(4), b(2, 4), b(2, 4), b(2, 4)],
                [b(2, 3), q(4, 3)], [b(2, 3), q(4, 3), b(4, 1)], [b(2, 3), q(4, 3), f(4)],
                [b(2, 65), q(4, 65), f(4, 1)], [b(2, 64), q(4, 64), f(4, 2)],
                [b(2, 3), q(4, 2), f(4, 1)], [q(2, 3), q(4, 3), f(4, 1)])
            + refuse(LinearKernel(resultType: .bfloat16), "a result of", [f(2, 3), f(4, 3)])
            + refuse(
                LinearKernel(resultType: .bfloat16), "each or both left out",
                [b(2, 3), b(4, 3), b(4)], [b(2, 3), b(4, 3), f(2, 4)],
                [b(2, 3), b(4, 3), b(2, 4), f(4)], [b(2, 3), b(4, 3), f(4), b(2, 4), b(2, 4)],
                [b(2, 3), b(4, 3), f(4, 1)], [b(2, 3), q(4, 3), f(4, 1), f(4, 1)])
            + refuse(
                GatedLinearKernel(epsilon: 1, hasBiases: false), "two weights [F, D] like x",
                [f(2, 3), f(3), f(4, 3)], [f(2, 3), f(2), f(4, 3), f(4, 3)],
                [f(2, 3), f(3), f(4, 3), f(5, 3)], [f(2, 3), f(3), b(4, 3), b(4, 3)],
                [f(0, 3), f(3), f(4, 3), f(4, 3)], [f(2, 3), f(3), f(4, 2), f(4, 2)],
                [f(2, 3), f(3), f(4, 3), f(4), f(4, 3), f(4)],
                [f(2, 3), f(3), q(4, 3), q(4, 3)], [f(2, 3), f(3), q(4, 3), f(4, 1)],
                [f(2, 3), f(3), q(4, 3), f(4, 2), q(4, 3), f(4, 2)], [f(2, 3), f(3)])
            + refuse(
                GatedLinearKernel(epsilon: 1, hasBiases: true), "each with a bias [F]",
                [b(2, 3), f(3), b(4, 3), b(4, 3)],
                [b(2, 3), f(3), b(4, 3), b(4), b(4, 3), b(4)],
                [b(2, 3), f(3), b(4, 3), f(4), b(4, 3), f(3)])
            + refuse(
                AttentionProbabilitiesKernel(keyValueHeads: 2, plane: 0), "N a multiple of K = 2",
                [f(3, 3, 4), f(5, 2, 8), i(1, 1, 2), i(3), i(3)],
                [f(3, 4, 4), f(5, 1, 8), i(1, 1, 2), i(3), i(3)],
                [f(3, 4, 4), f(5, 2, 7), i(1, 1, 2), i(3), i(3)],
                [f(3, 4, 4), b(5, 2, 8), i(1, 1, 2), i(3), i(3)],
                [f(3, 4, 4), f(5, 2, 8), i(1, 1, 0), i(3), i(3)],
                [f(3, 4, 4), f(5, 2, 8), i(1, 1, 2), i(2), i(3)],
                [f(0, 4, 4), f(5, 2, 8), i(1, 1, 2), i(0), i(0)])
            + refuse(
                AttentionProbabilitiesKernel(keyValueHeads: 2, plane: 3), "with plane 3",
                [f(3, 4, 4), f(5, 2, 8), i(3, 1, 2), i(3), i(3)])
            + refuse(
                AttentionMixKernel(plane: -1), "with plane -1",
                [f(3, 4, 4), b(5, 2, 8), i(3, 1, 2), i(3), i(3)])
            + refuse(
                AttentionMixKernel(plane: 0), "probabilities [M, N, C·U]",
                [b(3, 4, 4), b(5, 2, 8), i(1, 1, 2), i(3), i(3)],
                [f(3, 3, 4), b(5, 2, 8), i(1, 1, 2), i(3), i(3)],
                [f(3, 4, 5), b(5, 2, 8), i(1, 1, 2), i(3), i(3)],
                [f(3, 4, 6), b(5, 2, 8), i(1, 1, 2), i(3), i(3)],
                [f(3, 4, 4), b(5, 2, 8), i(1, 2), i(3), i(3)],
                [f(3, 4, 4), b(5, 2, 8), i(1, 1, 2), i(2), i(2)])
    }()
}
