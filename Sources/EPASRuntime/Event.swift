internal import CPJRT

/// The completion of work that the plugin does in the background, owned by one variable.
struct Event: ~Copyable {
    private let handle: OpaquePointer
    private let plugin: Plugin
    private let live: LiveObjects

    /// Takes ownership of an event that a PJRT call returned.
    init(owning handle: OpaquePointer, plugin: Plugin, live: LiveObjects) {
        self.handle = handle
        self.plugin = plugin
        self.live = live
        live.created(.event)
    }

    /// Blocks until the work is done.
    ///
    /// - Throws: The error that the work ended with.
    borrowing func wait() throws(PJRTError) {
        var arguments = PJRT_Event_Await_Args.sized()
        arguments.event = handle
        try plugin.call("PJRT_Event_Await", plugin.api.PJRT_Event_Await, &arguments)
    }

    /// Whether the work is done, well or not.
    borrowing func isReady() throws(PJRTError) -> Bool {
        var arguments = PJRT_Event_IsReady_Args.sized()
        arguments.event = handle
        try plugin.call("PJRT_Event_IsReady", plugin.api.PJRT_Event_IsReady, &arguments)
        return arguments.is_ready
    }

    deinit {
        var arguments = PJRT_Event_Destroy_Args.sized()
        arguments.event = handle
        plugin.destroy("PJRT_Event_Destroy", plugin.api.PJRT_Event_Destroy, &arguments)
        live.destroyed(.event)
    }
}

extension Plugin {
    /// Calls a PJRT destructor.
    ///
    /// A destructor has nobody to report to, and a handle that cannot be freed is a mistake in
    /// this package.
    func destroy<Arguments: PJRTArguments>(
        _ name: StaticString,
        _ function: ((UnsafeMutablePointer<Arguments>?) -> OpaquePointer?)?,
        _ arguments: inout Arguments
    ) {
        do throws(PJRTError) {
            try call(name, function, &arguments)
        } catch {
            fatalError("\(error)")
        }
    }
}
