import BasicContainers
import EPASArray
import EPASModel
import EPASRuntime
import EPASTesting
import EPASTraining
import Foundation

/// A random model of bytes that is far from uniform.
final class TinyModel {
    static let longest = 24

    let config: ModelConfig

    init(seed: UInt64 = 7) throws {
        config = try ModelConfig(
            layers: 4, width: 12, heads: 2, keyValueHeads: 1, headDimension: 4, feedForward: 16,
            vocabulary: ByteTokenizer.vocabulary, maximumSequence: Self.longest,
            initializerRange: 0.5)
        self.seed = seed
    }

    private let seed: UInt64
    private var executables: [SharingPlan: Executable] = [:]
    private var known: [SharingPlan: [[Int32]: [[Double]]]] = [:]

    func upload() throws -> UniqueArray<DeviceBuffer> {
        let client = try TestClient.shared
        var buffers = UniqueArray<DeviceBuffer>()
        for parameter in config.parameters {
            buffers.append(
                try client.makeBuffer(config.initialValue(of: parameter, seed: seed)))
        }
        return buffers
    }

    /// Log-probabilities of every token at every position of one sequence, in Double from the
    /// logits of the program that `epas inspect` runs.
    func logProbabilities(_ tokens: [Int32], _ plan: SharingPlan) throws -> [[Double]] {
        if let rows = known[plan]?[tokens] { return rows }
        let length = Self.longest
        let executable: Executable
        if let compiled = executables[plan] {
            executable = compiled
        } else {
            let program = LossProgram(model: config, plan: plan, computeType: .float32)
            executable = try TestClient.shared.compile(
                program.inspect(batch: 1, sequence: length, gradients: false))
            executables[plan] = executable
        }
        let padded = tokens + [Int32](repeating: 0, count: length - tokens.count)
        let results = try executable.execute(
            borrowing: upload(), inputs: [HostArray(padded, [1, length])])
        let logits = try results[1].hostArray().elements(as: Float.self).map(Double.init)
        let size = config.vocabulary
        let rows = tokens.indices.map { position in
            let row = logits[position * size..<(position + 1) * size]
            let largest = row.max() ?? 0
            let sum = row.reduce(0) { $0 + exp($1 - largest) }
            return row.map { $0 - largest - log(sum) }
        }
        known[plan, default: [:]][tokens] = rows
        return rows
    }

    /// A request's score, one sequence at a time.
    func score(_ input: [Int32], _ targets: [Int32], _ plan: SharingPlan) throws
        -> (logProbability: Double, isGreedy: Bool)
    {
        let rows = try logProbabilities(input, plan).suffix(targets.count)
        var (sum, isGreedy) = (0.0, true)
        for (row, target) in zip(rows, targets) {
            sum += row[Int(target)]
            isGreedy = isGreedy && row.firstIndex(of: row.max() ?? 0) == Int(target)
        }
        return (sum, isGreedy)
    }
}

/// A folder of its own for a test, removed afterwards.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory
            .appending(path: "epas-evaluation-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> URL {
        let file = url.appending(path: name)
        try Data(text.utf8).write(to: file)
        return file
    }
}
