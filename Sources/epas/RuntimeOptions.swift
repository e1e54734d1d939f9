import ArgumentParser
import EPASArray
import EPASModel
import EPASRuntime
import Foundation

/// Options of the commands that compute.
struct RuntimeOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The PJRT plugin: cpu, cuda or a file. (default: EPAS_PJRT_PLUGIN, else cpu)",
            valueName: "name"))
    var plugin: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("CPU threads; 0 uses every core.", valueName: "count"))
    var threads = 0

    @Option(
        help: ArgumentHelp(
            "Folder of compiled programs. (default: epas/programs in the user's cache folder)",
            valueName: "folder"))
    var programCache: String?

    func validate() throws {
        try require(threads >= 0, "--threads is \(threads). Use 0 or more.")
    }

    /// Loads the plugin and opens its devices.
    func open() throws -> (Client, ExecutableCache) {
        try openRuntime(plugin: plugin, threads: threads, cache: programCache)
    }
}

/// Loads a plugin, opens its devices and the cache of compiled programs.
func openRuntime(plugin: String?, threads: Int, cache: String?) throws -> (Client, ExecutableCache)
{
    let plugin = try Plugin.load(.resolved(runFile: plugin))
    let client = try Client(plugin, options: ClientOptions(threads: threads))
    let folder = cache.map { URL(filePath: $0) } ?? defaultCacheFolder()
    return (client, ExecutableCache(directory: folder))
}

/// `epas/programs` in the user's cache folder (XDG Base Directory Specification).
private func defaultCacheFolder() -> URL {
    let environment = ProcessInfo.processInfo.environment
    let base: URL
    if let folder = environment["XDG_CACHE_HOME"], folder.hasPrefix("/") {
        base = URL(filePath: folder)
    } else {
        base = FileManager.default.homeDirectoryForCurrentUser.appending(path: ".cache")
    }
    return base.appending(path: "epas/programs")
}

/// `--dtype`, as every command takes it.
let dtypeHelp: ArgumentHelp = ArgumentHelp(
    "Type of activations and products; weights are float32.", valueName: "type")

/// The type of activations and products.
enum ComputeType: String, ExpressibleByArgument, CaseIterable {
    case float32, bfloat16

    var elementType: ElementType { self == .float32 ? .float32 : .bfloat16 }
}

/// `--weights` of the commands that run a model.
struct WeightsOption: ParsableArguments {
    enum Weights: String, ExpressibleByArgument, CaseIterable {
        case int8
    }

    @Option(
        help: ArgumentHelp(
            """
            How matrices are held: int8, each 64 numbers with a scale in common, in a little more \
            than half of bfloat16's memory. (default: in the type of --dtype)
            """, valueName: "type"))
    var weights: Weights?

    func format(_ dtype: ComputeType) -> MatrixFormat {
        switch weights {
        case nil: .floats(dtype.elementType)
        case .int8: .integers(embedding: dtype.elementType)
        }
    }
}
