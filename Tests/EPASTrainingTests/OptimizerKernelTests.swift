import BasicContainers
import EPASArray
import EPASGraph
import EPASRuntime
import EPASTesting
import EPASTraining
import Testing

/// The optimizer's functions for the CPU, called by the plugin, and their plain forms.
@Suite("Optimizer kernels")
struct OptimizerKernelTests {
    let kernels: Set<String>

    init() throws { kernels = try TestClient.shared.kernels }

    /// A tensor of an update.
    struct Part: Sendable {
        var dimensions: [Int]
        var moments = ElementType.float32
        var gradient = ElementType.float32
        var decays = true
    }

    /// One number, sizes that fit no vector, a scalar, one of several pieces; all types.
    static let parts = [
        Part(dimensions: [1]), Part(dimensions: [3, 5], gradient: .bfloat16, decays: false),
        Part(dimensions: [16], moments: .bfloat16), Part(dimensions: []),
        Part(dimensions: [2, 3, 11], moments: .bfloat16, gradient: .bfloat16),
        Part(dimensions: [331, 199], gradient: .bfloat16), Part(dimensions: [65], decays: false),
    ]

    /// An update of some tensors, with the numbers that go into it.
    struct Update {
        var parts: [Part]
        var optimizer = AdamW(beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1)
        var scale: Float = 0.37
        var updates = true
        var parameters: [HostArray] = []
        var first: [HostArray] = []
        var second: [HostArray] = []
        var gradients: [HostArray] = []

        static let learningRate: Float = 3e-3
        static let corrections: [Float] = [2.5, 4.25]

        init(_ parts: [Part], seed: UInt64) {
            self.parts = parts
            var random = RandomArrays(seed: seed)
            for part in parts {
                let d = part.dimensions
                parameters.append(random.array(d, as: .float32))
                first.append(random.array(d, in: -1e-2..<1e-2, as: part.moments))
                second.append(random.array(d, in: 0..<1e-4, as: part.moments))
                gradients.append(random.array(d, in: -1e-2..<1e-2, as: part.gradient))
            }
        }

        var kernel: AdamWKernel { AdamWKernel(optimizer, decays: parts.map(\.decays)) }
        var state: [HostArray] { parameters + first + second }
        var inputs: [HostArray] {
            [HostArray(Self.learningRate)] + Self.corrections.map { HostArray($0) }
                + [HostArray(scale), HostArray(updates)] + state + gradients
        }

        /// Parameters, first moments, second moments after the update.
        func run(kernels: Set<String>) throws -> [HostArray] {
            let graph = Graph(kernels: kernels)
            let operands = inputs.enumerated().map {
                graph.parameter("x\($0.offset)", $0.element.shape)
            }
            return try evaluate(graph.apply(kernel, operands), inputs)
        }

        /// Compares two results with the bounds that ``AdamWKernel`` states, one for each of them,
        /// and where moments are narrow with the distance of neighbouring numbers.
        func expectClose(_ actual: [HostArray], _ expected: [HostArray]) {
            let u = 0x1p-24
            let count = parts.count
            let rate = Double(Self.learningRate)
            for (index, part) in parts.enumerated() {
                let rounding = part.moments == .bfloat16 ? 0x1p-7 : 0
                let results = [index, count + index, 2 * count + index].map {
                    zip(actual[$0].doubles(), expected[$0].doubles())
                }
                let old = [parameters, first, second, gradients].map { $0[index].doubles() }
                var far: [Int] = []
                for (i, ((p, m), v)) in zip(zip(results[0], results[1]), results[2]).enumerated() {
                    let g = old[3][i] * Double(scale)
                    let terms = 0.9 * abs(old[1][i]) + (1 - 0.9) * abs(g)
                    let second = 0.95 * old[2][i] + (1 - 0.95) * g * g
                    let root = (second * Double(Self.corrections[1])).squareRoot()
                    var moved = terms * Double(Self.corrections[0]) / (root + optimizer.epsilon)
                    if part.decays { moved += optimizer.weightDecay * abs(old[0][i]) }
                    let isClose =
                        abs(m.0 - m.1) <= 6 * u * terms + rounding * abs(m.1)
                        && abs(v.0 - v.1) <= (10 * u + rounding) * v.1
                        && abs(p.0 - p.1) <= 2 * u * abs(p.1) + 24 * u * rate * moved
                    if !isClose { far.append(i) }
                }
                #expect(far.isEmpty, "\(part)")
                // A parameter may move by less than it can show, but not all of them.
                #expect(
                    actual[index].doubles() != old[0] || old[3].allSatisfy { $0 == 0 }, "\(part)")
            }
        }
    }

    @Test("an update is the plain form's", arguments: [0.1, 0])
    func update(weightDecay: Double) throws {
        for seed in 1...3 as ClosedRange<UInt64> {
            var update = Update(Self.parts, seed: seed)
            update.optimizer = AdamW(
                beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: weightDecay)
            if seed == 2 { update.scale = 1 }
            let expected = try update.run(kernels: [])
            let actual = try update.run(kernels: kernels)
            #expect(actual.map(\.shape) == update.state.map(\.shape))
            update.expectClose(actual, expected)
        }
    }

    @Test("random tensors are updated as in the plain form")
    func randomTensors() throws {
        var random = RandomArrays(seed: 11)
        func one<Value>(of values: [Value]) -> Value {
            values[Int(random.next() % UInt64(values.count))]
        }
        for seed in 1...4 as ClosedRange<UInt64> {
            let parts = (0..<Int(random.next() % 9) + 1).map { _ in
                Part(
                    dimensions: (0..<Int(random.next() % 3)).map { _ in
                        Int(random.next() % 70) + 1
                    },
                    moments: one(of: [.float32, .bfloat16]),
                    gradient: one(of: [.float32, .bfloat16]), decays: one(of: [false, true]))
            }
            let update = Update(parts, seed: seed)
            update.expectClose(
                try update.run(kernels: kernels), try update.run(kernels: []))
        }
    }

    /// As many as a model of 7 billion parameters has.
    @Test("hundreds of tensors are updated by one call")
    func manyTensors() throws {
        let update = Update(
            (0..<291).map { Part(dimensions: [$0 % 5 + 1], decays: $0 % 3 == 0) }, seed: 4)
        update.expectClose(try update.run(kernels: kernels), try update.run(kernels: []))
    }

    @Test("without an update every bit stays", arguments: [true, false])
    func noUpdate(hasKernel: Bool) throws {
        var update = Update(Self.parts, seed: 5)
        update.updates = false
        update.scale = .nan
        update.gradients[0] = HostArray([Float.infinity], [1])
        // Numbers that are not normal are not taken for zero either.
        update.parameters[6] = HostArray(
            [Float](repeating: Float.leastNonzeroMagnitude, count: 65), [65])
        let results = try update.run(kernels: hasKernel ? kernels : [])
        for (result, given) in zip(results, update.state) {
            #expect(result.withUnsafeBytes { Array($0) } == given.withUnsafeBytes { Array($0) })
        }
    }

    /// Nothing moves but by what is left of the first moment and by decay.
    @Test("zero gradients on zero moments only decay")
    func zeroGradients() throws {
        var update = Update(Self.parts, seed: 6)
        for (index, part) in Self.parts.enumerated() {
            update.first[index] = .zeros(Shape(part.moments, part.dimensions))
            update.second[index] = .zeros(Shape(part.moments, part.dimensions))
            update.gradients[index] = .zeros(Shape(part.gradient, part.dimensions))
        }
        let results = try update.run(kernels: kernels)
        for (index, part) in Self.parts.enumerated() {
            let (old, new) = (update.parameters[index].doubles(), results[index].doubles())
            let factor = part.decays ? 1 - 0.1 * Double(Update.learningRate) : 1
            for (p, q) in zip(old, new) { #expect(abs(q - p * factor) <= 0x1p-23 * abs(p)) }
            #expect(results[7 + index].doubles().allSatisfy { $0 == 0 })
            #expect(results[14 + index].doubles().allSatisfy { $0 == 0 })
        }
    }

    @Test("donated tensors are updated in place, without memory beside them")
    func inPlace() throws {
        let update = Update(
            [Part(dimensions: [300, 500], gradient: .bfloat16), Part(dimensions: [700])], seed: 7)
        let graph = Graph(kernels: kernels)
        let state = update.state.enumerated().map {
            graph.parameter("state\($0.offset)", $0.element.shape)
        }
        let others = update.inputs.prefix(5) + update.gradients
        let rest = others.enumerated().map {
            graph.parameter("x\($0.offset)", $0.element.shape)
        }
        let results = graph.apply(update.kernel, rest.prefix(5) + state + rest.dropFirst(5))
        let client = try TestClient.shared
        let program = try client.compile(
            graph.program(
                named: "update", returning: results,
                donating: Dictionary(uniqueKeysWithValues: results.indices.map { ($0, $0) })))
        #expect(try program.memoryStatistics().temporary < 4 * 700)
        var buffers = UniqueArray<DeviceBuffer>()
        var addresses: [UInt] = []
        for array in update.state { buffers.append(try client.makeBuffer(array)) }
        for index in buffers.indices { addresses.append(try buffers[index].deviceAddress()) }
        buffers = try program.execute(donating: buffers, inputs: Array(others))
        for index in buffers.indices {
            #expect(try buffers[index].deviceAddress() == addresses[index])
        }
        update.expectClose(try buffers.hostArrays(), try update.run(kernels: []))
    }

    /// The sum of squares of the arrays.
    private func sum(_ arrays: [HostArray], kernels: Set<String>) throws -> Float {
        let graph = Graph(kernels: kernels)
        let operands = arrays.enumerated().map {
            graph.parameter("x\($0.offset)", $0.element.shape)
        }
        return try evaluate(graph.apply(SumOfSquaresKernel(), operands), arrays)[0]
            .elements(as: Float.self)[0]
    }

    @Test("a sum of squares is exact but for its rounding")
    func sumOfSquares() throws {
        for seed in 1...3 as ClosedRange<UInt64> {
            let arrays = Update(Self.parts, seed: seed).gradients
            let expected = Float(
                arrays.reduce(0) { $0 + $1.doubles().reduce(0) { $0 + $1 * $1 } })
            #expect(try sum(arrays, kernels: kernels) == expected)
            // 66 thousand terms, added up by XLA in an order of its own.
            let plain = try sum(arrays, kernels: [])
            #expect(abs(plain - expected) <= 66_500 * 0x1p-24 * expected)
        }
    }

    @Test(
        "a sum of squares of no number, or too large, is no number",
        arguments: [true, false])
    func sumOfNoNumbers(hasKernel: Bool) throws {
        let kernels = hasKernel ? kernels : []
        func sum(_ number: Float) throws -> Float {
            var numbers = [Float](repeating: 1, count: 40)
            numbers[37] = number
            return try self.sum(
                [HostArray([1, 2] as [Float], [2]), HostArray(numbers, [5, 8])], kernels: kernels)
        }
        #expect(try sum(.infinity) == .infinity)
        #expect(try sum(-.infinity) == .infinity)
        #expect(try sum(.nan).isNaN)
        #expect(try sum(3e19) == .infinity)
        #expect(try sum(5) == 69)
    }

    @Test("operands that do not fit are refused", arguments: refusals)
    func refusal(_ refusal: KernelRefusal) { refusal.check() }

    static let refusals: [KernelRefusal] = {
        let update = Update([Part(dimensions: [2]), Part(dimensions: [3, 1])], seed: 1)
        let good = update.inputs.map(\.shape)
        func refuse(_ text: String, _ change: (inout [Shape]) -> Void) -> KernelRefusal {
            var operands = good
            change(&operands)
            return KernelRefusal(kernel: update.kernel, operands: operands, text: text)
        }
        let scalars = "four scalars of float32 and one of bool, then 2 parameters"
        let parameter = "a parameter of float32, and two moments of one type and a gradient"
        let sum = "at least one tensor, each of float32 or bfloat16"
        return [
            refuse(scalars) { $0.removeLast() },
            refuse(scalars) { $0[3] = Shape(.float32, [1]) },
            refuse(scalars) { $0[4] = .scalar(.float32) },
            refuse(parameter) { $0[5] = Shape(.bfloat16, [2]) },
            refuse(parameter) { $0[8] = Shape(.bfloat16, [3, 1]) },
            refuse(parameter) { $0[10] = Shape(.float32, [3]) },
            refuse(parameter) { $0[11] = Shape(.float16, [2]) },
            KernelRefusal(
                kernel: AdamWKernel(update.optimizer, decays: []), operands: Array(good.prefix(5)),
                text: "then 0 parameters"),
            KernelRefusal(kernel: SumOfSquaresKernel(), operands: [], text: sum),
            KernelRefusal(
                kernel: SumOfSquaresKernel(), operands: [Shape(.float64, [2])], text: sum),
        ]
    }()
}
