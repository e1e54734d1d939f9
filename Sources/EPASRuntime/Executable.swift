internal import CPJRT
package import EPASArray

/// A compiled program, loaded on a device.
///
/// May be used from several threads at once.
package final class Executable: Sendable {
    package let client: Client
    /// Index into the client's devices of the device that it runs on.
    package let device: Int
    /// The number of results.
    package let resultCount: Int
    /// The parameters' shapes, in order; `nil` if the plugin does not state them.
    package let parameters: [Shape]?

    // The C interface's objects are opaque and guarded by the plugin itself.
    nonisolated(unsafe) let handle: OpaquePointer

    /// Takes ownership of a loaded executable that a PJRT call returned, also when it throws.
    init(owning handle: OpaquePointer, client: Client, device: Int) throws {
        do {
            (resultCount, parameters) = try client.withDescription(of: handle) { description in
                var arguments = PJRT_Executable_NumOutputs_Args.sized()
                arguments.executable = description
                try client.call(
                    "PJRT_Executable_NumOutputs", client.plugin.api.PJRT_Executable_NumOutputs,
                    &arguments)
                return (
                    arguments.num_outputs, try Self.parameters(of: description, client.plugin)
                )
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

    private static func parameters(
        of description: OpaquePointer, _ plugin: Plugin
    ) throws(PJRTError) -> [Shape]? {
        var program = PJRT_Program.sized()
        do throws(PJRTError) {
            // Without memory to write to, the call states the size.
            try fill(&program, from: description, plugin)
            let size = program.code_size
            let bytes = UnsafeMutableRawBufferPointer.allocate(
                byteCount: max(size, 1), alignment: 1)
            defer { bytes.deallocate() }
            program.code = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            try fill(&program, from: description, plugin)
            let format = String(
                decoding: UnsafeRawBufferPointer(start: program.format, count: program.format_size),
                as: UTF8.self)
            return ProgramSignature.parameters(
                of: UnsafeRawBufferPointer(rebasing: bytes[..<min(program.code_size, size)]),
                format: format)
        } catch {
            guard error.code == .unimplemented else { throw error }
            return nil
        }
    }

    /// Asks for the compiler's form of the program.
    private static func fill(
        _ program: inout PJRT_Program, from description: OpaquePointer, _ plugin: Plugin
    ) throws(PJRTError) {
        try withUnsafeMutablePointer(to: &program) { program throws(PJRTError) in
            var arguments = PJRT_Executable_OptimizedProgram_Args.sized()
            arguments.executable = description
            arguments.program = program
            try plugin.call(
                "PJRT_Executable_OptimizedProgram",
                plugin.api.PJRT_Executable_OptimizedProgram, &arguments)
        }
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
}
