internal import CPJRT
package import EPASArray

/// An array in device memory, owned by exactly one variable.
///
/// Its memory is freed when the owner goes out of scope. A computation that donates its inputs
/// takes them as `consuming` parameters, so the compiler rejects any later use of memory that
/// the device has already overwritten.
///
/// The contents may still be on their way: reading them waits, and reports whatever went wrong in
/// the computation that was to produce them. Several threads may read one buffer.
package struct DeviceBuffer: ~Copyable, @unchecked Sendable {
    // @unchecked: there is one owner, and PJRT's buffers may be read from any thread.
    let handle: OpaquePointer
    let client: Client
    /// The element type and dimensions that the plugin states.
    package let shape: Shape

    /// Takes ownership of a buffer that a PJRT call returned, also when it throws.
    init(owning handle: OpaquePointer, client: Client) throws {
        do {
            shape = try Self.shape(of: handle, client)
        } catch {
            Self.destroy(handle, client)
            throw error
        }
        self.handle = handle
        self.client = client
        client.liveObjects.created(.buffer)
    }

    deinit {
        Self.destroy(handle, client)
        client.liveObjects.destroyed(.buffer)
    }

    static func destroy(_ handle: OpaquePointer, _ client: Client) {
        var arguments = PJRT_Buffer_Destroy_Args.sized()
        arguments.buffer = handle
        client.plugin.destroy(
            "PJRT_Buffer_Destroy", client.plugin.api.PJRT_Buffer_Destroy, &arguments)
    }

    private static func shape(of handle: OpaquePointer, _ client: Client) throws -> Shape {
        var type = PJRT_Buffer_ElementType_Args.sized()
        type.buffer = handle
        try client.call(
            "PJRT_Buffer_ElementType", client.plugin.api.PJRT_Buffer_ElementType, &type)
        guard let elementType = ElementType(pjrtType: type.type) else {
            throw PJRTError(
                code: .unimplemented, function: "PJRT_Buffer_ElementType",
                message:
                    "The buffer has element type \(type.type.rawValue), which has no host form.")
        }
        var dimensions = PJRT_Buffer_Dimensions_Args.sized()
        dimensions.buffer = handle
        try client.call(
            "PJRT_Buffer_Dimensions", client.plugin.api.PJRT_Buffer_Dimensions, &dimensions)
        return Shape(
            elementType,
            UnsafeBufferPointer(start: dimensions.dims, count: dimensions.num_dims).map(Int.init))
    }

    /// Whether the memory was given to a computation's result.
    package borrowing func isDeleted() throws -> Bool {
        var arguments = PJRT_Buffer_IsDeleted_Args.sized()
        arguments.buffer = handle
        try client.call(
            "PJRT_Buffer_IsDeleted", client.plugin.api.PJRT_Buffer_IsDeleted, &arguments)
        return arguments.is_deleted
    }

    /// The address of the array in device memory, to tell whether two arrays share it.
    package borrowing func deviceAddress() throws -> UInt {
        var arguments = PJRT_Buffer_OpaqueDeviceMemoryDataPointer_Args.sized()
        arguments.buffer = handle
        try client.call(
            "PJRT_Buffer_OpaqueDeviceMemoryDataPointer",
            client.plugin.api.PJRT_Buffer_OpaqueDeviceMemoryDataPointer, &arguments)
        return UInt(bitPattern: arguments.device_memory_ptr)
    }

    /// Blocks until the contents are there.
    ///
    /// - Throws: The error of the computation that was to produce them.
    package borrowing func wait() throws {
        var arguments = PJRT_Buffer_ReadyEvent_Args.sized()
        arguments.buffer = handle
        try client.call(
            "PJRT_Buffer_ReadyEvent", client.plugin.api.PJRT_Buffer_ReadyEvent, &arguments)
        try client.event(owning: arguments.event!).wait()
    }
}
