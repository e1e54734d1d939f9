internal import CPJRT

/// An argument struct of a PJRT C function.
protocol PJRTArguments {
    init()
    // The C header names it.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    var struct_size: Int { get set }
    /// The size that the header declares. It is not `MemoryLayout.size`: the two differ by tail
    /// padding.
    static var structSize: Int { get }
}

extension PJRTArguments {
    /// Returns zeroed arguments with `struct_size` set.
    ///
    /// Zeroes matter: a plugin older than the header leaves the newer outputs untouched.
    static func sized() -> Self {
        var arguments = Self()
        arguments.struct_size = structSize
        return arguments
    }
}

// One line each: the size of the struct as the header declares it.

extension PJRT_Error_Destroy_Args: PJRTArguments {
    static var structSize: Int { PJRT_Error_Destroy_Args_STRUCT_SIZE }
}
extension PJRT_Error_Message_Args: PJRTArguments {
    static var structSize: Int { PJRT_Error_Message_Args_STRUCT_SIZE }
}
extension PJRT_Error_GetCode_Args: PJRTArguments {
    static var structSize: Int { PJRT_Error_GetCode_Args_STRUCT_SIZE }
}
extension PJRT_NamedValue: PJRTArguments {
    static var structSize: Int { PJRT_NamedValue_STRUCT_SIZE }
}
extension PJRT_Plugin_Initialize_Args: PJRTArguments {
    static var structSize: Int { PJRT_Plugin_Initialize_Args_STRUCT_SIZE }
}
extension PJRT_Plugin_Attributes_Args: PJRTArguments {
    static var structSize: Int { PJRT_Plugin_Attributes_Args_STRUCT_SIZE }
}
extension PJRT_Event_Destroy_Args: PJRTArguments {
    static var structSize: Int { PJRT_Event_Destroy_Args_STRUCT_SIZE }
}
extension PJRT_Event_Await_Args: PJRTArguments {
    static var structSize: Int { PJRT_Event_Await_Args_STRUCT_SIZE }
}
extension PJRT_Event_IsReady_Args: PJRTArguments {
    static var structSize: Int { PJRT_Event_IsReady_Args_STRUCT_SIZE }
}
extension PJRT_Client_Create_Args: PJRTArguments {
    static var structSize: Int { PJRT_Client_Create_Args_STRUCT_SIZE }
}
extension PJRT_Client_Destroy_Args: PJRTArguments {
    static var structSize: Int { PJRT_Client_Destroy_Args_STRUCT_SIZE }
}
extension PJRT_Client_PlatformName_Args: PJRTArguments {
    static var structSize: Int { PJRT_Client_PlatformName_Args_STRUCT_SIZE }
}
extension PJRT_Client_PlatformVersion_Args: PJRTArguments {
    static var structSize: Int { PJRT_Client_PlatformVersion_Args_STRUCT_SIZE }
}
extension PJRT_Client_AddressableDevices_Args: PJRTArguments {
    static var structSize: Int { PJRT_Client_AddressableDevices_Args_STRUCT_SIZE }
}
extension PJRT_Client_Compile_Args: PJRTArguments {
    static var structSize: Int { PJRT_Client_Compile_Args_STRUCT_SIZE }
}
extension PJRT_Client_BufferFromHostBuffer_Args: PJRTArguments {
    static var structSize: Int { PJRT_Client_BufferFromHostBuffer_Args_STRUCT_SIZE }
}
extension PJRT_Program: PJRTArguments {
    static var structSize: Int { PJRT_Program_STRUCT_SIZE }
}
extension PJRT_Device_GetDescription_Args: PJRTArguments {
    static var structSize: Int { PJRT_Device_GetDescription_Args_STRUCT_SIZE }
}
extension PJRT_Device_MemoryStats_Args: PJRTArguments {
    static var structSize: Int { PJRT_Device_MemoryStats_Args_STRUCT_SIZE }
}
extension PJRT_DeviceDescription_Id_Args: PJRTArguments {
    static var structSize: Int { PJRT_DeviceDescription_Id_Args_STRUCT_SIZE }
}
extension PJRT_DeviceDescription_Kind_Args: PJRTArguments {
    static var structSize: Int { PJRT_DeviceDescription_Kind_Args_STRUCT_SIZE }
}
extension PJRT_DeviceDescription_ToString_Args: PJRTArguments {
    static var structSize: Int { PJRT_DeviceDescription_ToString_Args_STRUCT_SIZE }
}
extension PJRT_Executable_Destroy_Args: PJRTArguments {
    static var structSize: Int { PJRT_Executable_Destroy_Args_STRUCT_SIZE }
}
extension PJRT_Executable_NumOutputs_Args: PJRTArguments {
    static var structSize: Int { PJRT_Executable_NumOutputs_Args_STRUCT_SIZE }
}
extension PJRT_Executable_OptimizedProgram_Args: PJRTArguments {
    static var structSize: Int { PJRT_Executable_OptimizedProgram_Args_STRUCT_SIZE }
}
extension PJRT_Executable_GetCompiledMemoryStats_Args: PJRTArguments {
    static var structSize: Int { PJRT_Executable_GetCompiledMemoryStats_Args_STRUCT_SIZE }
}
extension PJRT_Executable_Serialize_Args: PJRTArguments {
    static var structSize: Int { PJRT_Executable_Serialize_Args_STRUCT_SIZE }
}
extension PJRT_Executable_DeserializeAndLoad_Args: PJRTArguments {
    static var structSize: Int { PJRT_Executable_DeserializeAndLoad_Args_STRUCT_SIZE }
}
extension PJRT_LoadedExecutable_Destroy_Args: PJRTArguments {
    static var structSize: Int { PJRT_LoadedExecutable_Destroy_Args_STRUCT_SIZE }
}
extension PJRT_LoadedExecutable_GetExecutable_Args: PJRTArguments {
    static var structSize: Int { PJRT_LoadedExecutable_GetExecutable_Args_STRUCT_SIZE }
}
extension PJRT_LoadedExecutable_AddressableDevices_Args: PJRTArguments {
    static var structSize: Int { PJRT_LoadedExecutable_AddressableDevices_Args_STRUCT_SIZE }
}
extension PJRT_LoadedExecutable_Execute_Args: PJRTArguments {
    static var structSize: Int { PJRT_LoadedExecutable_Execute_Args_STRUCT_SIZE }
}
extension PJRT_ExecuteOptions: PJRTArguments {
    static var structSize: Int { PJRT_ExecuteOptions_STRUCT_SIZE }
}
extension PJRT_Buffer_Destroy_Args: PJRTArguments {
    static var structSize: Int { PJRT_Buffer_Destroy_Args_STRUCT_SIZE }
}
extension PJRT_Buffer_ElementType_Args: PJRTArguments {
    static var structSize: Int { PJRT_Buffer_ElementType_Args_STRUCT_SIZE }
}
extension PJRT_Buffer_Dimensions_Args: PJRTArguments {
    static var structSize: Int { PJRT_Buffer_Dimensions_Args_STRUCT_SIZE }
}
extension PJRT_Buffer_IsDeleted_Args: PJRTArguments {
    static var structSize: Int { PJRT_Buffer_IsDeleted_Args_STRUCT_SIZE }
}
extension PJRT_Buffer_ReadyEvent_Args: PJRTArguments {
    static var structSize: Int { PJRT_Buffer_ReadyEvent_Args_STRUCT_SIZE }
}
extension PJRT_Buffer_ToHostBuffer_Args: PJRTArguments {
    static var structSize: Int { PJRT_Buffer_ToHostBuffer_Args_STRUCT_SIZE }
}
extension PJRT_Buffer_MemoryLayout: PJRTArguments {
    static var structSize: Int { PJRT_Buffer_MemoryLayout_STRUCT_SIZE }
}
extension PJRT_Buffer_MemoryLayout_Tiled: PJRTArguments {
    static var structSize: Int { PJRT_Buffer_MemoryLayout_Tiled_STRUCT_SIZE }
}
extension PJRT_Buffer_OpaqueDeviceMemoryDataPointer_Args: PJRTArguments {
    static var structSize: Int { PJRT_Buffer_OpaqueDeviceMemoryDataPointer_Args_STRUCT_SIZE }
}
