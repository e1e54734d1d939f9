import EPASArray
import Foundation
import Testing

@testable import EPASRuntime

/// Functions of ours that the CPU plugin calls.
struct KernelRegistrationTests {
    let client: Client

    init() throws { client = try Shared.client.get() }

    /// (x, weight) -> the root mean square norm, float32[1, 2].
    private static func norm(settings: String = "epsilon = 0.0 : f32") -> String {
        """
        module @norm {
          func.func public @main(%x: tensor<1x2xf32>, %weight: tensor<2xf32>) -> tensor<1x2xf32> {
            %0 = stablehlo.custom_call @epas.rms_norm(%x, %weight) {
              api_version = 4 : i32, backend_config = {\(settings)}
            } : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
            return %0 : tensor<1x2xf32>
          }
        }
        """
    }

    private static func check(_ program: Executable) throws {
        // The mean of 1 and 49 is 25.
        let results = try program.run([
            HostArray([1, -7] as [Float], [1, 2]), HostArray([10, 100] as [Float], [2]),
        ])
        #expect(results.map(floats) == [[2, -140]])
    }

    @Test func `the CPU's clients have them`() throws {
        let names = [
            "epas.adamw",
            "epas.add_rms_norm",
            "epas.attention",
            "epas.attention_gradient",
            "epas.attention_inputs",
            "epas.attention_mix",
            "epas.attention_probabilities",
            "epas.cross_entropy",
            "epas.embedding",
            "epas.embedding_gradient",
            "epas.gated_linear",
            "epas.linear",
            "epas.product",
            "epas.rms_norm",
            "epas.rms_norm_gradient",
            "epas.rotary",
            "epas.shared_attention",
            "epas.shared_attention_gradient",
            "epas.sum_of_squares",
            "epas.swiglu",
            "epas.swiglu_gradient",
        ]
        #expect(client.kernels.sorted() == names)
        // A second client of the same plugin has them, too.
        let second = try Client(Plugin.load(.cpu), options: .init(threads: 1))
        #expect(second.kernels == client.kernels)
        try Self.check(second.compile(Self.norm()))
        try Self.check(client.compile(Self.norm()))
    }

    @Test func `some or none of them can be chosen`() throws {
        func kernels(_ choice: String) throws -> [String] {
            let choice = KernelChoice.resolved(environment: ["EPAS_CPU_KERNELS": choice])
            return try Client(Plugin.load(.cpu), options: .init(threads: 1, kernels: choice))
                .kernels.sorted()
        }
        #expect(KernelChoice.resolved(environment: [:]) == .all)
        #expect(try kernels("all") == client.kernels.sorted())
        #expect(try kernels("none") == [])
        #expect(try kernels("epas.rotary,epas.product") == ["epas.product", "epas.rotary"])
        let error = #expect(throws: RuntimeError.self) { try kernels("epas.product,epas.x") }
        #expect(
            try #require(error).description.hasPrefix(
                "EPAS_CPU_KERNELS names \"epas.x\", which is no kernel; use all, none, or some of "
                    + "epas.adamw,epas.add_rms_norm,epas.attention,"))
    }

    @Test func `what a function refuses is thrown`() throws {
        let program = try client.compile(Self.norm(settings: "epsilon = 0.0 : f64"))
        let error = #expect(throws: PJRTError.self) { try Self.check(program) }
        let text = "epas.rms_norm: the setting epsilon is missing or of another type."
        #expect(error?.message.contains(text) == true, "\(String(describing: error))")
    }

    @Test func `another process restores a program that calls them`() async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "epas-runtime-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.path
        for expected in [0, 1] {
            await #expect(processExitsWith: .success) {
                [path = path as String, expected = expected as Int] in
                let cache = ExecutableCache(directory: URL(filePath: path))
                let client = try Client(Plugin.load(.cpu), options: .init(threads: 2))
                let program = try client.compile(KernelRegistrationTests.norm(), cache: cache)
                try KernelRegistrationTests.check(program)
                #expect(cache.statistics.hits == expected)
            }
        }
    }
}
