import ArgumentParser
import EPASArray
import EPASCheckpoint
import EPASModel
import Foundation

/// `epas export`: a folder that transformers and the programs around it load.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write a Hugging Face folder that other programs load.",
        discussion: """
            Programs that know LLaMA load the folder as it is and compute every layer. With \
            trust_remote_code=True, transformers runs it at the region length of --share, and \
            keeps no keys for layers that share query and key. Without --share, the length is \
            the one that the checkpoint was trained for.
            """)

    @Argument(help: "A checkpoint folder, or a run folder for its last checkpoint.")
    var checkpoint: String

    @Option(help: "The folder to write, which must not exist or be empty.")
    var output: String

    @Option(
        help: ArgumentHelp(
            "Layers that share by default: KIND:N, KIND:a<b,c<d or none.", valueName: "spec"))
    var share: String?

    @Option(help: "The type of the weights. Default: each tensor's own, unchanged.")
    var dtype: WeightType?

    @Option(help: "The largest weights file, such as 5GB, 500MB or 2GiB.")
    var shardSize = ByteSize(count: 5_000_000_000)

    func run() throws {
        let folder = try openModel(checkpoint)
        let layers = folder.config.layers
        var sharing = folder.description.sharing
        if let share {
            let plan = try SharingPlan(parsing: share, layers: layers)
            let own = sharing
            sharing = try own?.defaulting(to: plan, layers: layers)
            if own == nil, plan != .none { sharing = PublishedSharing(plan, layers: layers) }
        }
        // Also refuses what a checkpoint says of sharing but no program could run.
        let plan = try sharing?.plan(sharing: sharing?.layers ?? 0, layers: layers) ?? .none
        let export = ModelExport(
            folder, sharing: sharing, elementType: dtype?.elementType,
            shardByteCount: shardSize.count)
        let summary = try export.write(to: URL(filePath: output))
        let files = summary.files.count == 1 ? "1 file" : "\(summary.files.count) files"
        print(
            "\(output): \(summary.parameterCount) parameters, \(bytes(summary.byteCount)) in \(files)"
        )
        if let sharing {
            print(
                """
                With trust_remote_code=True \(plan.text(layers: layers)) of at most \
                \(sharing.maximumLayers) layers share; without, every layer computes.
                """)
        }
    }
}

/// The type of weights in files.
enum WeightType: String, ExpressibleByArgument, CaseIterable {
    case float32, bfloat16, float16

    var elementType: ElementType {
        switch self {
        case .float32: .float32
        case .bfloat16: .bfloat16
        case .float16: .float16
        }
    }
}

/// A number of bytes with a decimal (KB, MB, GB) or binary (KiB, MiB, GiB) unit, or none.
struct ByteSize: ExpressibleByArgument, CustomStringConvertible {
    let count: Int

    init(count: Int) {
        self.count = count
    }

    init?(argument: String) {
        let digits = argument.prefix { $0.isASCII && $0.isNumber }
        let units = [
            "": 1, "B": 1, "KB": 1000, "MB": 1_000_000, "GB": 1_000_000_000, "KIB": 1 << 10,
            "MIB": 1 << 20, "GIB": 1 << 30,
        ]
        let unit = argument.dropFirst(digits.count).trimmingCharacters(in: .whitespaces)
        guard let number = Int(digits), number > 0, let unit = units[unit.uppercased()] else {
            return nil
        }
        let (count, overflow) = number.multipliedReportingOverflow(by: unit)
        if overflow { return nil }
        self.count = count
    }

    var description: String {
        count.isMultiple(of: 1_000_000_000) ? "\(count / 1_000_000_000)GB" : "\(count)"
    }

    var defaultValueDescription: String { description }
}
