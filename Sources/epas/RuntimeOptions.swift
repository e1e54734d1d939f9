import ArgumentParser
import EPASArray
import EPASRuntime
import Foundation

/// Options of the commands that compute.
struct RuntimeOptions: ParsableArguments {
    @Option(help: "The PJRT plugin: cpu, cuda or a file. Default: EPAS_PJRT_PLUGIN, else cpu.")
    var plugin: String?

    @Option(help: "CPU threads; 0 uses every core.")
    var threads = 0

    @Option(help: "Folder of compiled programs. Default: the user's cache folder.")
    var programCache: String?

    func validate() throws {
        try require(threads >= 0, "--threads is \(threads); use 0 or more.")
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

/// The type of activations and products.
enum ComputeType: String, ExpressibleByArgument, CaseIterable {
    case float32, bfloat16

    var elementType: ElementType { self == .float32 ? .float32 : .bfloat16 }
}
