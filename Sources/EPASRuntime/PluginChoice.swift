internal import Foundation

/// Which PJRT plugin to load.
package enum PluginChoice: Hashable, Sendable {
    /// XLA's own CPU backend, as set up by `make setup`.
    case cpu
    /// NVIDIA GPUs, from the Python wheels that carry the plugin and its libraries.
    case cuda
    /// A plugin's file.
    case path(String)

    /// Reads `cpu`, `cuda`, or a path.
    package init(_ text: String) {
        self =
            switch text {
            case "cpu": .cpu
            case "cuda": .cuda
            default: .path(text)
            }
    }

    /// Chooses the plugin: the run file's `runtime.plugin` (or `--set runtime.plugin=...`) if it
    /// is given, else the environment's `EPAS_PJRT_PLUGIN`, else the CPU.
    ///
    /// An explicit setting wins because it belongs to the run, the environment to the machine.
    package static func resolved(
        runFile: String?, environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> PluginChoice {
        for text in [runFile, environment["EPAS_PJRT_PLUGIN"]] {
            if let text, !text.isEmpty { return PluginChoice(text) }
        }
        return .cpu
    }
}

extension PluginChoice: CustomStringConvertible {
    package var description: String {
        switch self {
        case .cpu: "cpu"
        case .cuda: "cuda"
        case .path(let path): path
        }
    }
}

/// A plugin's file, and what must happen before it is loaded.
struct PluginLocation {
    let path: String
    /// Returns what went wrong and may matter, should the plugin not load.
    var prepare: @Sendable () -> [String] = { [] }
}

extension PluginChoice {
    /// Finds the plugin's file.
    ///
    /// - Throws: ``PluginError`` that names every place that was searched.
    func locate(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(PluginError) -> PluginLocation {
        switch self {
        case .cpu: return PluginLocation(path: try Self.locateCPU(environment: environment))
        case .cuda: return try CUDALibraries(environment: environment).locate()
        case .path(let path):
            let path = (path as NSString).expandingTildeInPath
            guard FileManager.default.fileExists(atPath: path) else {
                throw .notFound(
                    what: "The plugin", searched: [path],
                    remedy: "Set runtime.plugin to cpu, cuda or a plugin's path.")
            }
            guard path.hasSuffix("/xla_cuda_plugin.so") else { return PluginLocation(path: path) }
            // The wheels of the libraries that it needs lie beside the plugin's own.
            let packages = URL(filePath: path).resolvingSymlinksInPath()
                .deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().path
            let libraries = CUDALibraries(folders: [packages])
            return PluginLocation(path: path, prepare: { libraries.prepare() })
        }
    }

    private static func locateCPU(environment: [String: String]) throws(PluginError) -> String {
        let folders = dependencyFolders(environment: environment)
        let candidates = folders.map { "\($0)/xla-cpu-pjrt/xla_cpu_pjrt.so" }
        if let found = candidates.first(where: FileManager.default.fileExists(atPath:)) {
            return found
        }
        throw .notFound(
            what: "The CPU plugin xla-cpu-pjrt/xla_cpu_pjrt.so", searched: folders,
            remedy: "Run `make setup`, or set EPAS_DEPS to the folder that holds xla-cpu-pjrt.")
    }

    /// Where set-up puts what lies outside the package: the folder named by `EPAS_DEPS` alone if
    /// it is set; else `.deps` in the current folder, in the executable's, and in all above them.
    static func dependencyFolders(environment: [String: String]) -> [String] {
        if let folder = environment["EPAS_DEPS"], !folder.isEmpty { return [folder] }
        let executable = Bundle.main.executablePath ?? CommandLine.arguments.first ?? ""
        let starts = [
            URL(filePath: FileManager.default.currentDirectoryPath),
            URL(filePath: executable).resolvingSymlinksInPath().deletingLastPathComponent(),
        ]
        return starts.flatMap { start in
            // From `/a/b`: `/a/b/.deps`, `/a/.deps`, `/.deps`.
            let components = start.standardizedFileURL.pathComponents
            return (1...max(components.count, 1)).reversed().map { count in
                NSString.path(withComponents: components.prefix(count) + [".deps"])
            }
        }.uniqued()
    }
}

extension Array where Element: Hashable {
    /// The elements in order, each once.
    func uniqued() -> [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
