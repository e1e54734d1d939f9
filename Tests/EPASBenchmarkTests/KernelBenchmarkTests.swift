import EPASArray
import EPASModel
import EPASRuntime
import EPASTesting
import Foundation
import Testing

@testable import EPASBenchmark

@Suite("benchmark of the kernels")
struct KernelBenchmarkTests {
    private static func cases(_ type: ElementType) throws -> KernelCases {
        KernelCases(
            try #require(ModelConfig(preset: "tiny")), type: type, batch: 2, sequence: 40, rows: 3)
    }

    private static func benchmark() throws -> KernelBenchmark {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "epas-benchmark-\(UUID().uuidString)")
        return KernelBenchmark(
            client: try TestClient.shared, cache: ExecutableCache(directory: folder), repeats: 1)
    }

    @Test("every kernel is called", arguments: [ElementType.float32, .bfloat16])
    func complete(type: ElementType) throws {
        let kernels = try TestClient.shared.kernels
        let texts = try Self.cases(type).all.flatMap { kernelCase in
            let forms = kernelCase.pullback == nil ? [false] : [false, true]
            return forms.map { isPullback in
                let program = CallProgram(kernelCase, isPullback: isPullback)
                return program.program(kernels: kernels, needed: program.needed(kernels)).text
            }
        }
        let called = kernels.filter { name in
            texts.contains { $0.contains("call_target_name = \"\(name)\"") }
        }
        #expect(called == kernels)
    }

    @Test("a product's call and pullback")
    func product() throws {
        let benchmark = try Self.benchmark()
        defer { try? FileManager.default.removeItem(at: benchmark.cache.directory) }
        let down = try #require(
            Self.cases(.bfloat16).all.first {
                $0.target == "epas.product" && $0.label == "down"
            })
        let speeds = try benchmark.measure(down)
        let (x, weight) = (Shape(.bfloat16, [80, 160]), Shape(.float32, [64, 160]))
        let y = Shape(.bfloat16, [80, 64])
        let bytes = Double(x.byteCount + weight.byteCount + y.byteCount)
        let product = Double(2 * 80 * 160 * 64)
        #expect(speeds.map(\.target) == ["epas.product", "epas.product"])
        #expect(speeds.map(\.label) == ["down", "down"])
        #expect(speeds.map(\.isPullback) == [false, true])
        // The pullback reads the result's cotangent and writes a gradient for each operand.
        #expect(speeds.map(\.operands) == [[x, weight], [x, weight, y]])
        #expect(speeds.map(\.flops) == [product, 2 * product])
        let gradients = Double(x.byteCount + weight.byteCount)
        #expect(speeds.map(\.bytes) == [bytes, bytes + gradients])
        for speed in speeds { #expect(speed.seconds > 0 && speed.plainSeconds > 0) }
        #expect(try benchmark.emptySeconds() > 0)
    }

    @Test("a call that writes in place goes on from its own results")
    func inPlace() throws {
        let benchmark = try Self.benchmark()
        defer { try? FileManager.default.removeItem(at: benchmark.cache.directory) }
        let inputs = try #require(
            Self.cases(.float32).all.first { $0.target == "epas.attention_inputs" })
        let speeds = try benchmark.measure(inputs)
        #expect(speeds.count == 1)
        // Weights of query, key and value, rows, and what they become; not the whole pool.
        let numbers = 64 * (64 + 32 + 32) + 2 * 3 * (64 + 64 + 32)
        #expect(speeds[0].bytes == Double(4 * numbers))
        #expect(speeds[0].seconds > 0 && speeds[0].plainSeconds > 0)
    }

    @Test("matrices of inference are timed as integers, too")
    func integers() throws {
        let benchmark = try Self.benchmark()
        defer { try? FileManager.default.removeItem(at: benchmark.cache.directory) }
        let cases = try Self.cases(.bfloat16).all.filter { $0.label.hasSuffix("int8") }
        #expect(
            cases.map { "\($0.target) \($0.label)" } == [
                "epas.attention_inputs int8", "epas.linear output, int8",
                "epas.gated_linear int8", "epas.linear down, int8", "epas.linear logits, int8",
            ])
        let speeds = try cases.flatMap(benchmark.measure)
        // Weights, a scale of each 64 numbers, rows, and what they become.
        #expect(speeds[0].bytes == Double((64 + 4) * (64 + 32 + 32) + 2 * 2 * 3 * (64 + 64 + 32)))
        #expect(speeds[1].bytes == Double((64 + 4) * 64 + 3 * 2 * 3 * 64))
        #expect(speeds[2].flops == Double(4 * 3 * 64 * 160))
        for speed in speeds { #expect(speed.seconds > 0 && speed.plainSeconds > 0) }
    }

    @Test("random operands are what they say, whatever their size")
    func operands() {
        for count in [1, 5, 1 << 14, (1 << 14) + 3, 40_000] {
            let numbers = KernelOperand.random(Shape(.bfloat16, [count])).array().doubles()
            #expect(numbers.count == count)
            #expect(numbers.allSatisfy { (-1...1).contains($0) })
            #expect(Set(numbers).count > count / 1000)
        }
        let integers = KernelOperand.random(Shape(.int8, [40_000])).array()
        #expect(integers.shape == Shape(.int8, [40_000]))
        #expect(Set(integers.doubles()) == Set(stride(from: -127.0, through: 127, by: 1)))
        let filled = KernelOperand.filled(0.5, Shape(.float32, [2, 3])).array()
        #expect(filled.doubles() == [Double](repeating: 0.5, count: 6))
    }

    @Test("limits bound the time from below")
    func limits() {
        let limits = MachineLimits(flopsPerSecond: 10, bytesPerSecond: 2)
        #expect(limits.seconds(flops: 40, bytes: 2) == 4)
        #expect(limits.seconds(flops: 40, bytes: 20) == 10)
        let merged = limits.merged(with: MachineLimits(flopsPerSecond: 3, bytesPerSecond: 7))
        #expect(merged == MachineLimits(flopsPerSecond: 10, bytesPerSecond: 7))
        for type in [ElementType.float32, .bfloat16] {
            let measured = MachineLimits.measured(for: type)
            #expect(measured.flopsPerSecond > 1e6 && measured.bytesPerSecond > 1e6)
        }
    }
}
