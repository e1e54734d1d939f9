internal import CPJRT

/// How much of a device's memory is in use, in bytes.
package struct MemoryStatistics: Hashable, Sendable {
    package let inUse: Int
    /// The most that was in use at once; `nil` if the plugin does not say.
    package let peak: Int?
    /// What may be used; `nil` if the plugin does not say.
    package let limit: Int?
}

extension Device {
    /// The device's memory in use; `nil` where the plugin does not keep count, as on the CPU,
    /// where ``ProcessMemory`` tells.
    package func memoryStatistics() throws -> MemoryStatistics? {
        var arguments = PJRT_Device_MemoryStats_Args.sized()
        arguments.device = handle
        do throws(PJRTError) {
            try plugin.call(
                "PJRT_Device_MemoryStats", plugin.api.PJRT_Device_MemoryStats, &arguments)
        } catch {
            guard error.code == .unimplemented else { throw error }
            return nil
        }
        return MemoryStatistics(
            inUse: Int(arguments.bytes_in_use),
            peak: arguments.peak_bytes_in_use_is_set ? Int(arguments.peak_bytes_in_use) : nil,
            limit: arguments.bytes_limit_is_set ? Int(arguments.bytes_limit) : nil)
    }
}

extension Client {
    /// The most memory that was in use at once, in bytes, to report after a run: the busiest
    /// device's, or where the plugin does not keep count the process's.
    package func peakMemoryBytes() throws -> Int? {
        let peaks = try devices.compactMap { try $0.memoryStatistics()?.peak }
        return peaks.max() ?? ProcessMemory.peakResidentBytes
    }
}

/// The device memory that one run of a program needs, in bytes, as the compiler planned it.
package struct ProgramMemory: Hashable, Sendable {
    package let arguments: Int
    package let results: Int
    /// The part of the arguments whose memory becomes results: what is donated.
    package let aliased: Int
    package let temporary: Int
    package let code: Int

    /// All that must fit at once.
    package var total: Int { arguments + results - aliased + temporary + code }
}

extension Executable {
    /// The memory that one run needs, known before anything runs.
    package func memoryStatistics() throws -> ProgramMemory {
        try client.withDescription(of: handle) { description in
            var arguments = PJRT_Executable_GetCompiledMemoryStats_Args.sized()
            arguments.executable = description
            try client.call(
                "PJRT_Executable_GetCompiledMemoryStats",
                client.plugin.api.PJRT_Executable_GetCompiledMemoryStats, &arguments)
            return ProgramMemory(
                arguments: Int(arguments.argument_size_in_bytes),
                results: Int(arguments.output_size_in_bytes),
                aliased: Int(arguments.alias_size_in_bytes),
                temporary: Int(arguments.temp_size_in_bytes),
                code: Int(arguments.generated_code_size_in_bytes))
        }
    }
}

/// The memory of this process, in bytes.
package enum ProcessMemory {
    /// The most that was resident at once; `nil` where the system does not say.
    package static var peakResidentBytes: Int? { bytes(of: "VmHWM") }

    /// What is resident now; `nil` where the system does not say.
    package static var residentBytes: Int? { bytes(of: "VmRSS") }

    /// Reads a line such as `VmHWM:   12345 kB` (proc_pid_status(5)).
    private static func bytes(of name: String) -> Int? {
        guard let status = SystemFile.text("/proc/self/status") else { return nil }
        for line in status.split(separator: "\n") where line.hasPrefix("\(name):") {
            return line.split(whereSeparator: \.isWhitespace).dropFirst().first
                .flatMap { Int($0) }.map { $0 * 1024 }
        }
        return nil
    }
}
