internal import CPJRT
package import EPASArray

extension Client {
    /// Copies an array to a device.
    ///
    /// The array's memory may be freed or unmapped as soon as this returns.
    ///
    /// - Parameters:
    ///   - array: Any shape, scalars and arrays without elements included.
    ///   - device: An index into ``devices``.
    /// - Throws: ``PJRTError``, for example when device memory is exhausted.
    package func makeBuffer(_ array: HostArray, on device: Int = 0) throws -> DeviceBuffer {
        guard devices.indices.contains(device) else {
            throw RuntimeError.noSuchDevice(index: device, count: devices.count)
        }
        let dimensions = array.shape.dimensions.map(Int64.init)
        let made = try array.withUnsafeBytes { bytes in
            try dimensions.withUnsafeBufferPointer { dimensions in
                var arguments = PJRT_Client_BufferFromHostBuffer_Args.sized()
                arguments.client = handle
                // An array without elements may have no memory, but the plugin wants an address.
                arguments.data = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 64)
                arguments.type = array.shape.elementType.pjrtType
                arguments.dims = dimensions.baseAddress
                arguments.num_dims = dimensions.count
                // The plugin copies the bytes before it returns.
                arguments.host_buffer_semantics =
                    PJRT_HostBufferSemantics_kImmutableOnlyDuringCall
                arguments.device = devices[device].handle
                try call(
                    "PJRT_Client_BufferFromHostBuffer",
                    plugin.api.PJRT_Client_BufferFromHostBuffer, &arguments)
                return (buffer: arguments.buffer!, done: arguments.done_with_host_buffer)
            }
        }
        // Taken over first, so that it is freed should the buffer turn out unusable.
        if let done = made.done { _ = event(owning: done) }
        return try DeviceBuffer(owning: made.buffer, client: self)
    }
}

extension DeviceBuffer {
    /// Copies the array to host memory, waiting for its contents first.
    ///
    /// - Throws: The error of the computation that was to produce them, or of the copy.
    package borrowing func hostArray() throws -> HostArray {
        // First, so that host memory is taken only for contents that exist.
        try wait()
        // Row-major whatever the layout in device memory.
        let order = (0..<shape.rank).reversed().map(Int64.init)
        let (handle, client) = (handle, client)
        return try HostArray(shape) { destination in
            try order.withUnsafeBufferPointer { order in
                var layout = PJRT_Buffer_MemoryLayout.sized()
                layout.type = PJRT_Buffer_MemoryLayout_Type_Tiled
                layout.tiled = .sized()
                layout.tiled.minor_to_major = order.baseAddress
                layout.tiled.minor_to_major_size = order.count
                try withUnsafeMutablePointer(to: &layout) { layout in
                    var arguments = PJRT_Buffer_ToHostBuffer_Args.sized()
                    arguments.src = handle
                    arguments.host_layout = layout
                    arguments.dst = destination.baseAddress
                    arguments.dst_size = destination.count
                    try client.call(
                        "PJRT_Buffer_ToHostBuffer", client.plugin.api.PJRT_Buffer_ToHostBuffer,
                        &arguments)
                    // The event must be awaited here: the copy writes to `destination`.
                    if let event = arguments.event { try client.event(owning: event).wait() }
                }
            }
        }
    }
}
