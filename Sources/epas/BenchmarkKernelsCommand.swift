import ArgumentParser
import EPASArray
import EPASBenchmark
import EPASModel
import EPASRuntime
import Foundation

/// `epas benchmark kernels`: each CPU kernel beside its plain form and the machine's limits.
struct BenchmarkKernelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels",
        abstract: "Time each CPU kernel beside the same program in plain operations.",
        discussion: """
            Both run by turns as compiled programs; medians count. FLOPs are those of products (of \
            causal attention, what queries see), bytes those that must be read and written at \
            least. "of limit" compares the time with that of the same work at the speeds that the \
            machine reaches in this run: dot products in registers, and reading memory.
            """)

    @OptionGroup var model: PresetOption

    @Option(help: ArgumentHelp("Sequences in a batch of training.", valueName: "count"))
    var batch = 4

    @Option(
        help: ArgumentHelp(
            "Tokens in a sequence of training, and in the cache.", valueName: "tokens"))
    var sequence = 512

    @Option(help: ArgumentHelp("Rows of inference: tokens generated at once.", valueName: "count"))
    var rows = 1

    @Option(help: ArgumentHelp("Turns; the median counts.", valueName: "count"))
    var repeats = 7

    @Option(
        help: ArgumentHelp(
            "Measure only kernels whose name has this in it, such as attention.",
            valueName: "text"))
    var kernel: String?

    @Option(help: dtypeHelp)
    var dtype = ComputeType.bfloat16

    @OptionGroup var json: JSONOption
    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        try requirePositive([
            ("batch", batch), ("sequence", sequence), ("rows", rows), ("repeats", repeats),
        ])
        // Beyond, sizes of arrays could not even be computed.
        try require(
            batch <= 1 << 10 && sequence <= 1 << 17 && rows <= 1 << 10,
            "--batch is \(batch), --sequence \(sequence) and --rows \(rows). "
                + "Use at most 1024, 131072 and 1024.")
        try require(repeats <= 1 << 16, "--repeats is \(repeats). Use at most 65536.")
    }

    func run() throws {
        let (client, cache) = try runtime.open()
        guard !client.kernels.isEmpty else {
            throw InputError(
                description: "The plugin \(client.platformName) takes no CPU kernels. "
                    + "Use --plugin cpu.")
        }
        let all = KernelCases(
            try model.config(), type: dtype.elementType, batch: batch, sequence: sequence,
            rows: rows
        ).all
        let cases = all.filter { kernel.map($0.target.contains) ?? true }
        guard !cases.isEmpty else {
            let names = Set(all.map(\.target)).sorted().joined(separator: ", ")
            throw InputError(
                description: "No kernel has \"\(kernel ?? "")\" in its name. Use one of \(names).")
        }
        let benchmark = KernelBenchmark(client: client, cache: cache, repeats: repeats)
        let empty = try benchmark.emptySeconds()
        var limits = MachineLimits.measured(for: dtype.elementType)
        var speeds: [KernelBenchmark.Speed] = []
        for kernelCase in cases {
            speeds += try benchmark.measure(kernelCase)
            // Whatever else the machine does changes by the second.
            limits = limits.merged(with: .measured(for: dtype.elementType))
        }
        let results = speeds.map { result(of: $0, limits, empty: empty, client) }
        if json.isOn {
            for result in results { try printJSON(result) }
        } else {
            try print(results, limits, empty: empty)
        }
    }

    private func result(
        of speed: KernelBenchmark.Speed, _ limits: MachineLimits, empty: Double, _ client: Client
    ) -> Result {
        Result(
            kernel: speed.target, use: speed.label, pullback: speed.isPullback,
            operands: speed.operands.map(\.dimensions), seconds: speed.seconds,
            plainSeconds: speed.plainSeconds, speedup: speed.plainSeconds / speed.seconds,
            flops: speed.flops, bytes: speed.bytes,
            ofLimit: limits.seconds(flops: speed.flops, bytes: speed.bytes) / speed.seconds,
            flopsPerSecondLimit: limits.flopsPerSecond,
            bytesPerSecondLimit: limits.bytesPerSecond, emptySeconds: empty, model: model.name,
            batch: batch, sequence: sequence, rows: rows, dtype: dtype.rawValue,
            threads: client.threads, repeats: repeats)
    }

    private func print(_ results: [Result], _ limits: MachineLimits, empty: Double) throws {
        let header = [
            "kernel", "use", "operands", "ms", "plain ms", "x", "GFLOP/s", "GB/s", "of limit",
        ]
        try printTable(
            header,
            results.map { result in
                let operands = result.operands.filter { !$0.isEmpty }
                let shown = operands.prefix(3)
                    .map { $0.map(String.init).joined(separator: "x") }.joined(separator: " · ")
                let more = operands.count - 3
                return [
                    result.kernel + (result.pullback ? ", pullback" : ""), result.use,
                    more > 0 ? "\(shown) +\(more)" : shown, fixed(result.seconds * 1e3, 3),
                    fixed(result.plainSeconds * 1e3, 3), fixed(result.speedup, 2),
                    result.flops > 0 ? fixed(result.flops / result.seconds / 1e9, 1) : "",
                    fixed(result.bytes / result.seconds / 1e9, 1),
                    fixed(100 * result.ofLimit, 0) + " %",
                ]
            })
        try printLine(
            """

            limits: \(fixed(limits.flopsPerSecond / 1e9, 1)) GFLOP/s of \(dtype.rawValue) dot \
            products in registers, \(fixed(limits.bytesPerSecond / 1e9, 1)) GB/s read from memory; \
            a program without work takes \(fixed(empty * 1e3, 3)) ms
            """)
    }

    private struct Result: Encodable {
        let kernel: String
        /// What the model computes with it.
        let use: String
        let pullback: Bool
        /// Their dimensions.
        let operands: [[Int]]
        /// Medians.
        let seconds: Double
        let plainSeconds: Double
        let speedup: Double
        /// Of products.
        let flops: Double
        /// Read and written at least.
        let bytes: Double
        /// The time at the machine's limits over the measured one.
        let ofLimit: Double
        let flopsPerSecondLimit: Double
        let bytesPerSecondLimit: Double
        /// What a program without work takes.
        let emptySeconds: Double
        let model: String
        let batch: Int
        let sequence: Int
        let rows: Int
        let dtype: String
        let threads: Int
        let repeats: Int
    }
}
