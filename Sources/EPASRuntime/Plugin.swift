internal import CPJRT
internal import Foundation
internal import Synchronization

/// A loaded PJRT plugin: its table of C functions, and the one place where they are called.
///
/// A plugin stays loaded until the process ends: unloading one tears down registries that its own
/// threads still use. Every member may be used from any thread.
package final class Plugin: Sendable {
    /// The file that was loaded.
    package let path: String
    /// The version of the C interface the plugin was built with, such as `0.81`.
    package let version: String
    /// What the plugin says about itself, such as `stablehlo_current_version: 1.13.3`.
    package let attributes: [String: String]

    /// The plugin's functions. Those that an older plugin lacks are `nil`.
    // Written before the plugin is shared, never afterwards.
    nonisolated(unsafe) let api: PJRT_Api

    private static let loaded = Mutex<[String: Plugin]>([:])

    /// Loads the plugin, or returns it if it is already loaded.
    ///
    /// - Throws: ``PluginError`` if the file is missing or is no plugin of a version we can use,
    ///   ``PJRTError`` if the plugin reports that it cannot start.
    package static func load(_ choice: PluginChoice) throws -> Plugin {
        let location = try choice.locate()
        let path = URL(filePath: location.path).resolvingSymlinksInPath().path
        return try loaded.withLock { loaded in
            if let plugin = loaded[path] { return plugin }
            PluginLog.prepare()
            let problems = location.prepare()
            do {
                let plugin = try Plugin(path: path)
                loaded[path] = plugin
                return plugin
            } catch PluginError.cannotOpen(let path, let reason) {
                throw PluginError.cannotOpen(
                    path: path, reason: ([reason] + problems).joined(separator: "; "))
            }
        }
    }

    private convenience init(path: String) throws {
        // Local symbols: several plugins carry copies of the same libraries.
        guard let library = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
            let reason = dlerror().map { String(cString: $0) } ?? "unknown reason"
            throw PluginError.cannotOpen(path: path, reason: reason)
        }
        typealias GetPjrtApi = @convention(c) () -> UnsafePointer<PJRT_Api>?
        guard let symbol = dlsym(library, "GetPjrtApi"),
            let table = unsafeBitCast(symbol, to: GetPjrtApi.self)()
        else {
            throw PluginError.notAPlugin(path: path)
        }
        try self.init(path: path, table: table)
    }

    /// Starts the plugin whose functions are in `table`.
    init(path: String, table: UnsafePointer<PJRT_Api>) throws {
        // Only the prefix that both sides know may be read, so the table is copied: a function
        // that the plugin does not have is then `nil`.
        let version = table.pointee.pjrt_api_version
        guard version.major_version == PJRT_API_MAJOR else {
            throw PluginError.wrongVersion(
                path: path, found: "\(version.major_version).\(version.minor_version)",
                expected: "\(PJRT_API_MAJOR)")
        }
        var copy = PJRT_Api()
        withUnsafeMutableBytes(of: &copy) { copy in
            let size = min(table.pointee.struct_size, copy.count)
            copy.copyMemory(from: UnsafeRawBufferPointer(start: table, count: size))
        }
        api = copy
        self.path = path
        self.version = "\(version.major_version).\(version.minor_version)"

        let functions = PJRTFunctions(api: copy)
        var initialize = PJRT_Plugin_Initialize_Args.sized()
        try functions.call(
            "PJRT_Plugin_Initialize", copy.PJRT_Plugin_Initialize, &initialize)
        var attributes = PJRT_Plugin_Attributes_Args.sized()
        try functions.call(
            "PJRT_Plugin_Attributes", copy.PJRT_Plugin_Attributes, &attributes)
        self.attributes = Dictionary(
            UnsafeBufferPointer(start: attributes.attributes, count: attributes.num_attributes)
                .map { ($0.nameText, $0.valueText) },
            uniquingKeysWith: { first, _ in first })
    }

    /// Calls a PJRT function, turning its error object into a Swift error.
    ///
    /// - Parameters:
    ///   - name: The C function's name, for the error.
    ///   - function: The entry of the function table; `nil` in plugins that predate it.
    ///   - arguments: Its argument struct. Outputs are written to it.
    func call<Arguments: PJRTArguments>(
        _ name: StaticString,
        _ function: ((UnsafeMutablePointer<Arguments>?) -> OpaquePointer?)?,
        _ arguments: inout Arguments
    ) throws(PJRTError) {
        try PJRTFunctions(api: api).call(name, function, &arguments)
    }
}

/// The function table with the means to call it, usable before a ``Plugin`` exists.
struct PJRTFunctions {
    let api: PJRT_Api

    func call<Arguments: PJRTArguments>(
        _ name: StaticString,
        _ function: ((UnsafeMutablePointer<Arguments>?) -> OpaquePointer?)?,
        _ arguments: inout Arguments
    ) throws(PJRTError) {
        guard let function else {
            throw PJRTError(
                code: .unimplemented, function: "\(name)",
                message: "The plugin does not have this function.")
        }
        if let error = function(&arguments) {
            throw take(error, from: "\(name)")
        }
    }

    /// Copies a PJRT error object's contents and destroys it.
    private func take(_ error: OpaquePointer, from function: String) -> PJRTError {
        var message = PJRT_Error_Message_Args.sized()
        message.error = error
        api.PJRT_Error_Message?(&message)
        let text = String(
            decoding: UnsafeRawBufferPointer(start: message.message, count: message.message_size),
            as: UTF8.self)

        var code = PJRT_Error_GetCode_Args.sized()
        code.error = error
        // Reading the code can fail in turn; that error has nothing to add to the first.
        if let second = api.PJRT_Error_GetCode?(&code) { destroy(second) }
        destroy(error)
        return PJRTError(
            code: .init(rawValue: code.code.rawValue) ?? .unknown, function: function,
            message: text.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    private func destroy(_ error: OpaquePointer) {
        var arguments = PJRT_Error_Destroy_Args.sized()
        arguments.error = error
        api.PJRT_Error_Destroy?(&arguments)
    }
}
