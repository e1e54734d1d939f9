internal import CPJRT
internal import CPUKernels
internal import Foundation

extension Client {
    /// The name under which a program of this client is cached.
    ///
    /// - Throws: If the plugin's file cannot be read.
    func cacheKey(program: String, options: [UInt8], cache: ExecutableCache) throws -> CacheKey {
        let environment = ProcessInfo.processInfo.environment
        let parts = [
            // Raised when what an entry holds changes.
            "EPAS executable 1",
            program,
            platformName,
            platformVersion,
            devices.map(\.kind).joined(separator: ","),
            try PluginFile(path: plugin.path).hash(rememberedIn: cache.directory),
            Self.processor,
            // XLA divides loops by the number of threads when it compiles.
            "\(threads)",
            // A program names the functions it calls, and lays out what it passes to them.
            "kernels \(epas_cpu_kernels_version()): \(kernels.sorted())",
            environment["XLA_FLAGS"] ?? "",
            Self.driver,
        ]
        return CacheKey(parts.map { Data($0.utf8) } + [Data(options)])
    }

    /// The processor's model and instruction sets, which decide the code that XLA makes.
    private static let processor: String = {
        let text = SystemFile.text("/proc/cpuinfo") ?? ""
        let firstCore = text.components(separatedBy: "\n\n").first ?? ""
        let wanted = ["model name", "flags", "Features", "CPU implementer", "CPU part"]
        return firstCore.split(separator: "\n")
            .filter { line in wanted.contains { line.hasPrefix($0) } }
            .joined(separator: "\n")
    }()

    /// The NVIDIA driver's version, empty without one.
    private static let driver = SystemFile.text("/proc/driver/nvidia/version") ?? ""

    /// Turns an executable into bytes that ``load(serialized:device:)`` takes back.
    func serialize(_ executable: Executable) throws -> Data {
        try withDescription(of: executable.handle) { description in
            var arguments = PJRT_Executable_Serialize_Args.sized()
            arguments.executable = description
            try call(
                "PJRT_Executable_Serialize", plugin.api.PJRT_Executable_Serialize, &arguments)
            defer { arguments.serialized_executable_deleter?(arguments.serialized_executable) }
            return Data(
                UnsafeRawBufferPointer(
                    start: arguments.serialized_bytes, count: arguments.serialized_bytes_size))
        }
    }

    /// Loads an executable from the bytes that the same plugin made of it.
    ///
    /// The plugin trusts the bytes, so the caller must know where they come from.
    func load(serialized bytes: Data, device: Int) throws -> Executable {
        let loaded = try bytes.withUnsafeBytes { bytes in
            var arguments = PJRT_Executable_DeserializeAndLoad_Args.sized()
            arguments.client = handle
            arguments.serialized_executable = bytes.baseAddress?.assumingMemoryBound(
                to: CChar.self)
            arguments.serialized_executable_size = bytes.count
            try call(
                "PJRT_Executable_DeserializeAndLoad",
                plugin.api.PJRT_Executable_DeserializeAndLoad, &arguments)
            return arguments.loaded_executable!
        }
        return try Executable(owning: loaded, client: self, device: device)
    }
}
