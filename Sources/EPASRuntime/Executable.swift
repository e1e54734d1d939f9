internal import CPJRT

/// A compiled program, loaded on a device.
///
/// May be used from several threads at once.
package final class Executable: Sendable {
    package let client: Client
    /// Index into the client's devices of the device that it runs on.
    package let device: Int
    /// The number of results.
    package let resultCount: Int

    // The C interface's objects are opaque and guarded by the plugin itself.
    nonisolated(unsafe) let handle: OpaquePointer

    /// Takes ownership of a loaded executable that a PJRT call returned, also when it throws.
    init(owning handle: OpaquePointer, client: Client, device: Int) throws {
        do {
            resultCount = try client.withDescription(of: handle) { description in
                var arguments = PJRT_Executable_NumOutputs_Args.sized()
                arguments.executable = description
                try client.call(
                    "PJRT_Executable_NumOutputs", client.plugin.api.PJRT_Executable_NumOutputs,
                    &arguments)
                return arguments.num_outputs
            }
        } catch {
            Self.destroy(handle, client)
            throw error
        }
        self.handle = handle
        self.client = client
        self.device = device
        client.liveObjects.created(.executable)
    }

    deinit {
        Self.destroy(handle, client)
        client.liveObjects.destroyed(.executable)
    }

    private static func destroy(_ handle: OpaquePointer, _ client: Client) {
        var arguments = PJRT_LoadedExecutable_Destroy_Args.sized()
        arguments.executable = handle
        client.plugin.destroy(
            "PJRT_LoadedExecutable_Destroy", client.plugin.api.PJRT_LoadedExecutable_Destroy,
            &arguments)
    }
}

extension Client {
    /// Lends the part of a loaded executable that describes it.
    func withDescription<Result>(
        of loaded: OpaquePointer, _ body: (OpaquePointer) throws -> Result
    ) throws -> Result {
        var find = PJRT_LoadedExecutable_GetExecutable_Args.sized()
        find.loaded_executable = loaded
        try call(
            "PJRT_LoadedExecutable_GetExecutable",
            plugin.api.PJRT_LoadedExecutable_GetExecutable, &find)
        defer {
            var destroy = PJRT_Executable_Destroy_Args.sized()
            destroy.executable = find.executable
            plugin.destroy(
                "PJRT_Executable_Destroy", plugin.api.PJRT_Executable_Destroy, &destroy)
        }
        return try body(find.executable)
    }

    /// Compiles a StableHLO module, given as text, with one public function `main`.
    ///
    /// - Throws: ``PJRTError`` with the compiler's own message.
    package func compile(
        _ program: String, options: CompileOptions = .init()
    ) throws -> Executable {
        guard devices.indices.contains(options.device) else {
            throw RuntimeError.noSuchDevice(index: options.device, count: devices.count)
        }
        var program = program
        let settings = options.serialized(deviceID: devices[options.device].id)
        let format = "mlir"
        let loaded = try program.withUTF8 { code in
            try format.withCString { format in
                try settings.withUnsafeBytes { settings in
                    var text = PJRT_Program.sized()
                    // Not written to: the field is also used for output elsewhere.
                    text.code = UnsafeMutablePointer(
                        mutating: UnsafeRawPointer(code.baseAddress)?.assumingMemoryBound(
                            to: CChar.self))
                    text.code_size = code.count
                    text.format = format
                    text.format_size = 4
                    return try withUnsafePointer(to: &text) { text in
                        var arguments = PJRT_Client_Compile_Args.sized()
                        arguments.client = handle
                        arguments.program = text
                        arguments.compile_options = settings.baseAddress?.assumingMemoryBound(
                            to: CChar.self)
                        arguments.compile_options_size = settings.count
                        try call(
                            "PJRT_Client_Compile", plugin.api.PJRT_Client_Compile, &arguments)
                        return arguments.executable!
                    }
                }
            }
        }
        return try Executable(owning: loaded, client: self, device: options.device)
    }
}
