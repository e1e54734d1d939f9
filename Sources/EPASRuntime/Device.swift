internal import CPJRT

/// One device that computes: a GPU, or the CPU.
package struct Device: Sendable {
    /// The plugin's number for the device.
    package let id: Int
    /// Such as `cpu` or `NVIDIA H100`.
    package let kind: String
    /// The plugin's name for the device, such as `CpuDevice(id=0)`.
    package let description: String

    // Owned by the client, which outlives every use of its devices.
    nonisolated(unsafe) let handle: OpaquePointer
    let plugin: Plugin

    init(handle: OpaquePointer, plugin: Plugin) throws(PJRTError) {
        self.handle = handle
        self.plugin = plugin
        var find = PJRT_Device_GetDescription_Args.sized()
        find.device = handle
        try plugin.call("PJRT_Device_GetDescription", plugin.api.PJRT_Device_GetDescription, &find)

        var number = PJRT_DeviceDescription_Id_Args.sized()
        number.device_description = find.device_description
        try plugin.call("PJRT_DeviceDescription_Id", plugin.api.PJRT_DeviceDescription_Id, &number)
        id = Int(number.id)

        var kind = PJRT_DeviceDescription_Kind_Args.sized()
        kind.device_description = find.device_description
        try plugin.call(
            "PJRT_DeviceDescription_Kind", plugin.api.PJRT_DeviceDescription_Kind, &kind)
        self.kind = String(
            decoding: UnsafeRawBufferPointer(start: kind.device_kind, count: kind.device_kind_size),
            as: UTF8.self)

        var text = PJRT_DeviceDescription_ToString_Args.sized()
        text.device_description = find.device_description
        try plugin.call(
            "PJRT_DeviceDescription_ToString", plugin.api.PJRT_DeviceDescription_ToString, &text)
        description = String(
            decoding: UnsafeRawBufferPointer(start: text.to_string, count: text.to_string_size),
            as: UTF8.self)
    }
}
