internal import Foundation

/// NVIDIA's plugin and the libraries it needs, as Python wheels install them.
///
/// The wheel `jax-cuda13-pjrt` holds the plugin, and NVIDIA's own wheels hold the CUDA libraries.
/// Names and order are those of JAX's loader
/// (<https://github.com/jax-ml/jax/blob/00070f859b90d28ac350a25a31410badd8778d02/jax_plugins/cuda/__init__.py>).
struct CUDALibraries: Sendable {
    /// Folders such as `site-packages`, best first.
    let folders: [String]

    private static let plugin = "jax_plugins/xla_cuda13/xla_cuda_plugin.so"

    /// Below `nvidia/`. Each is loaded by its full path before the plugin, whose later requests
    /// by bare name then find it.
    static let libraries = [
        "cu13/lib/libcudart.so.13",
        "cu13/lib/libnvrtc.so.13",
        "cu13/lib/libcublas.so.13",
        "cu13/lib/libcublasLt.so.13",
        "nccl/lib/libnccl.so.2",
        "cu13/lib/libcupti.so.13",
        "cu13/lib/libcusparse.so.12",
        "cu13/lib/libcusolver.so.12",
        "cu13/lib/libcufft.so.12",
        "nvshmem/lib/libnvshmem_host.so.3",
        "cudnn/lib/libcudnn.so.9",
    ]

    /// Searches `EPAS_DEPS`, the `.deps` folders, `PYTHONPATH` and what `python3` itself searches.
    init(environment: [String: String]) {
        let listed = (environment["PYTHONPATH"] ?? "").split(separator: ":").map(String.init)
        folders =
            (PluginChoice.dependencyFolders(environment: environment).map { "\($0)/cuda" }
            + listed + Self.pythonFolders(environment: environment)).uniqued()
    }

    init(folders: [String]) {
        self.folders = folders
    }

    func locate() throws(PluginError) -> PluginLocation {
        let candidates = folders.map { "\($0)/\(Self.plugin)" }
        guard let path = candidates.first(where: FileManager.default.fileExists(atPath:)) else {
            throw .notFound(
                what: "The CUDA plugin \(Self.plugin)",
                searched: folders.isEmpty ? ["any folder of Python packages"] : folders,
                remedy:
                    "Install it with `pip install jax-cuda13-pjrt 'jax-cuda13-plugin[with-cuda]'`"
                    + ", or set runtime.plugin to the plugin's path.")
        }
        return PluginLocation(path: path, prepare: { prepare() })
    }

    /// Loads the libraries and tells XLA where CUDA's tools are. Runs before the plugin is loaded.
    ///
    /// A library that is in none of the folders is left to the dynamic linker, which may find the
    /// system's own.
    ///
    /// - Returns: Why libraries that are there could not be loaded. The plugin may do without.
    func prepare() -> [String] {
        var problems: [String] = []
        for library in Self.libraries {
            guard let path = existing("nvidia/\(library)") else { continue }
            if dlopen(path, RTLD_NOW | RTLD_LOCAL) == nil, let reason = dlerror() {
                problems.append(String(cString: reason))
            }
        }
        // ptxas and libdevice.
        let flags = ProcessInfo.processInfo.environment["XLA_FLAGS"] ?? ""
        if let tools = existing("nvidia/cu13"), !flags.contains("xla_gpu_cuda_data_dir") {
            setenv("XLA_FLAGS", "\(flags) --xla_gpu_cuda_data_dir=\(tools)", 1)
        }
        return problems
    }

    private func existing(_ relative: String) -> String? {
        folders.map { "\($0)/\(relative)" }.first(where: FileManager.default.fileExists(atPath:))
    }

    /// Asks `python3` where it looks for packages; empty without Python.
    private static func pythonFolders(environment: [String: String]) -> [String] {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", "-c", "import sys; print('\\n'.join(sys.path))"]
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return [] }
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
            .filter { $0.hasPrefix("/") && !$0.hasSuffix(".zip") }
    }
}
