internal import CPJRT
internal import CPUKernels
internal import Synchronization

extension Plugin {
    private static let registered = Mutex<[String: Set<String>]>([:])

    /// Gives the plugin our functions for the CPU, once in a process.
    ///
    /// - Returns: Their names; none if the plugin takes no functions.
    /// - Throws: ``PJRTError`` if the plugin refuses one.
    func registerCPUKernels() throws(PJRTError) -> Set<String> {
        guard let function = foreignFunctions?.pointee.register_handler else { return [] }
        return try Self.registered.withLock { registered throws(PJRTError) in
            if let names = registered[path] { return names }
            var names: Set<String> = []
            for kernel in CPUKernel.all {
                try register(kernel, with: function)
                names.insert(kernel.name)
            }
            registered[path] = names
            return names
        }
    }

    private func register(
        _ kernel: CPUKernel,
        with function:
            @escaping @convention(c) (
                UnsafeMutablePointer<EPAS_PJRT_FFI_Register_Handler_Args>?
            ) -> OpaquePointer?
    ) throws(PJRTError) {
        let platform = Array("Host".utf8CString)
        let target = Array(kernel.name.utf8CString)
        try target.withUnsafeBufferPointer { target throws(PJRTError) in
            try platform.withUnsafeBufferPointer { platform throws(PJRTError) in
                var arguments = EPAS_PJRT_FFI_Register_Handler_Args.sized()
                arguments.target_name = target.baseAddress
                arguments.target_name_size = target.count - 1
                arguments.handler = kernel.handler
                arguments.platform_name = platform.baseAddress
                arguments.platform_name_size = platform.count - 1
                try call("PJRT_FFI_Register_Handler", function, &arguments)
            }
        }
    }

    /// The extension that takes functions, where the plugin has it.
    private var foreignFunctions: UnsafePointer<EPAS_PJRT_FFI_Extension>? {
        var next = api.extension_start
        while let extensionBase = next {
            if extensionBase.pointee.type == PJRT_Extension_Type_FFI,
                extensionBase.pointee.struct_size >= EPAS_PJRT_FFI_Extension.size
            {
                return UnsafeRawPointer(extensionBase)
                    .assumingMemoryBound(to: EPAS_PJRT_FFI_Extension.self)
            }
            next = extensionBase.pointee.next
        }
        return nil
    }
}

/// A function of CPUKernels.
private struct CPUKernel {
    let name: String
    let handler: UnsafeMutableRawPointer

    static var all: [CPUKernel] {
        var kernels: [CPUKernel] = []
        var next = epas_cpu_kernels()!
        while let name = next.pointee.target, let handler = next.pointee.handler {
            kernels.append(CPUKernel(name: String(cString: name), handler: handler))
            next += 1
        }
        return kernels
    }
}

extension EPAS_PJRT_FFI_Extension {
    fileprivate static var size: Int {
        MemoryLayout<EPAS_PJRT_FFI_Extension>.offset(of: \.register_handler)!
            + MemoryLayout<UnsafeRawPointer>.size
    }
}

extension EPAS_PJRT_FFI_Register_Handler_Args: PJRTArguments {
    static var structSize: Int { EPAS_PJRT_FFI_Register_Handler_Args_STRUCT_SIZE }
}
