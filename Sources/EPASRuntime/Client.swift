internal import CPJRT
internal import CPUKernels
internal import Foundation
internal import Synchronization

/// A plugin's devices, opened for use by this process.
///
/// Every method may be called from any thread at any time; compiling on one thread while
/// executing on another is the intended use. Buffers and executables keep their client alive.
package final class Client: Sendable {
    package let plugin: Plugin
    /// The devices that this process can use, in the plugin's order.
    package let devices: [Device]
    /// Such as `cpu` or `cuda`.
    package let platformName: String
    /// Free text, such as the versions of CUDA and of the compiler.
    package let platformVersion: String
    /// Threads that compute on the CPU.
    package let threads: Int
    /// Names of the functions of ours that programs may call; see `Graph.kernels`.
    ///
    /// They work on a number of threads that is the process's: that of its newest CPU client.
    package let kernels: Set<String>
    /// The C objects that this client, its buffers and its executables own.
    package let liveObjects = LiveObjects()

    // The C interface's objects are opaque and guarded by the plugin itself.
    nonisolated(unsafe) let handle: OpaquePointer

    /// Opens the plugin's devices.
    ///
    /// - Throws: ``RuntimeError`` for an option out of range, ``PJRTError`` with the plugin's
    ///   reason, such as a missing driver.
    package init(_ plugin: Plugin, options: ClientOptions = .init()) throws {
        try options.check()
        let (handle, threads) = try ThreadCount.withEnvironment(options.threads) { threads in
            try withNamedValues(options.namedValues(family: plugin.family)) { values in
                var arguments = PJRT_Client_Create_Args.sized()
                arguments.create_options = values.baseAddress
                arguments.num_options = values.count
                try plugin.call(
                    "PJRT_Client_Create", plugin.api.PJRT_Client_Create, &arguments)
                return (arguments.client!, threads)
            }
        }
        self.plugin = plugin
        self.threads = threads
        self.handle = handle
        do {
            var name = PJRT_Client_PlatformName_Args.sized()
            name.client = handle
            try plugin.call(
                "PJRT_Client_PlatformName", plugin.api.PJRT_Client_PlatformName, &name)
            platformName = String(
                decoding: UnsafeRawBufferPointer(
                    start: name.platform_name, count: name.platform_name_size),
                as: UTF8.self)

            var version = PJRT_Client_PlatformVersion_Args.sized()
            version.client = handle
            try plugin.call(
                "PJRT_Client_PlatformVersion", plugin.api.PJRT_Client_PlatformVersion, &version)
            platformVersion = String(
                decoding: UnsafeRawBufferPointer(
                    start: version.platform_version, count: version.platform_version_size),
                as: UTF8.self)

            var list = PJRT_Client_AddressableDevices_Args.sized()
            list.client = handle
            try plugin.call(
                "PJRT_Client_AddressableDevices", plugin.api.PJRT_Client_AddressableDevices,
                &list)
            devices = try UnsafeBufferPointer(
                start: list.addressable_devices, count: list.num_addressable_devices
            ).map { try Device(handle: $0!, plugin: plugin) }

            kernels =
                platformName == "cpu"
                ? try options.kernels.chosen(from: plugin.registerCPUKernels()) : []
            if !kernels.isEmpty { epas_cpu_set_threads(Int32(threads)) }
        } catch {
            Self.destroy(handle, plugin)
            throw error
        }
        liveObjects.created(.client)
    }

    deinit {
        Self.destroy(handle, plugin)
        liveObjects.destroyed(.client)
    }

    private static func destroy(_ handle: OpaquePointer, _ plugin: Plugin) {
        var arguments = PJRT_Client_Destroy_Args.sized()
        arguments.client = handle
        plugin.destroy("PJRT_Client_Destroy", plugin.api.PJRT_Client_Destroy, &arguments)
    }

    func call<Arguments: PJRTArguments>(
        _ name: StaticString,
        _ function: ((UnsafeMutablePointer<Arguments>?) -> OpaquePointer?)?,
        _ arguments: inout Arguments
    ) throws(PJRTError) {
        try plugin.call(name, function, &arguments)
    }

    func event(owning handle: OpaquePointer) -> Event {
        Event(owning: handle, plugin: plugin, live: liveObjects)
    }
}

/// The number of threads, which XLA's CPU client reads from the environment while it is made.
private enum ThreadCount {
    private static let variable = "PJRT_NPROC"
    private static let lock = Mutex(())

    /// Calls `body` with the number of threads, also in the environment, which is put back.
    ///
    /// - Parameter wanted: The number; 0 stands for the environment's, else one per core.
    static func withEnvironment<Result>(
        _ wanted: Int, _ body: (Int) throws -> Result
    ) rethrows -> Result {
        try lock.withLock { _ in
            let process = ProcessInfo.processInfo
            let before = process.environment[variable]
            let inherited = before.flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
            let threads = wanted > 0 ? wanted : inherited ?? process.activeProcessorCount
            setenv(variable, "\(threads)", 1)
            defer {
                if let before { setenv(variable, before, 1) } else { unsetenv(variable) }
            }
            return try body(threads)
        }
    }
}
