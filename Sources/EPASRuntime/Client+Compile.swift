internal import CPJRT
internal import Foundation

extension Client {
    /// Compiles a StableHLO module, given as text, with one public function `main`.
    ///
    /// Takes seconds to minutes for a large program and may run on any thread, also while others
    /// compile or execute.
    ///
    /// - Parameter cache: Where a program compiled before is found, and this one kept.
    /// - Throws: ``PJRTError`` with the compiler's own message.
    package func compile(
        _ program: String, options: CompileOptions = .init(), cache: ExecutableCache? = nil
    ) throws -> Executable {
        guard devices.indices.contains(options.device) else {
            throw RuntimeError.noSuchDevice(index: options.device, count: devices.count)
        }
        let settings = options.serialized(deviceID: devices[options.device].id)
        func compiled() throws -> Executable {
            try Executable(
                owning: try compile(program, settings), client: self, device: options.device)
        }
        guard let cache else { return try compiled() }

        let key: CacheKey
        do {
            key = try cacheKey(program: program, options: settings, cache: cache)
        } catch {
            cache.failed(to: "identify the plugin \(plugin.path)", error)
            return try compiled()
        }
        if let entry = cache.load(key) {
            do {
                return try load(serialized: entry, device: options.device)
            } catch {
                // Such as a plugin that reads an older plugin's programs no more.
                cache.reject(key, loaded: true)
            }
        }
        let executable = try compiled()
        do {
            cache.store(try serialize(executable), as: key)
        } catch {
            cache.failed(to: "serialize the program", error)
        }
        return executable
    }

    /// Calls the C function; the caller then owns the loaded executable.
    private func compile(_ program: String, _ settings: [UInt8]) throws -> OpaquePointer {
        var program = program
        let format = Array("mlir".utf8CString)
        return try program.withUTF8 { code in
            try format.withUnsafeBufferPointer { format in
                try settings.withUnsafeBytes { settings in
                    var text = PJRT_Program.sized()
                    // Not written to: the field is also used for output elsewhere.
                    text.code = UnsafeMutablePointer(
                        mutating: UnsafeRawPointer(code.baseAddress)?
                            .assumingMemoryBound(to: CChar.self))
                    text.code_size = code.count
                    text.format = format.baseAddress
                    text.format_size = format.count - 1
                    return try withUnsafePointer(to: &text) { text in
                        var arguments = PJRT_Client_Compile_Args.sized()
                        arguments.client = handle
                        arguments.program = text
                        arguments.compile_options = settings.baseAddress?
                            .assumingMemoryBound(to: CChar.self)
                        arguments.compile_options_size = settings.count
                        try call(
                            "PJRT_Client_Compile", plugin.api.PJRT_Client_Compile, &arguments)
                        return arguments.executable!
                    }
                }
            }
        }
    }
}
