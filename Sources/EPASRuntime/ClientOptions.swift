/// How a client uses its devices. What does not apply to the plugin is not passed to it.
package struct ClientOptions: Hashable, Sendable {
    /// Threads for computation on the CPU; 0 means one per core.
    package var threads: Int
    /// How many devices the CPU appears as; they share its threads.
    package var cpuDevices: Int
    /// GPU: the part of device memory to use, from 0 to 1; `nil` is the plugin's default.
    package var memoryFraction: Double?
    /// GPU: whether that memory is reserved at once; `nil` is the plugin's default.
    package var preallocate: Bool?
    /// GPU: the device numbers to use; `nil` is all.
    package var visibleDevices: [Int]?

    package init(
        threads: Int = 0, cpuDevices: Int = 1, memoryFraction: Double? = nil,
        preallocate: Bool? = nil, visibleDevices: [Int]? = nil
    ) {
        self.threads = threads
        self.cpuDevices = cpuDevices
        self.memoryFraction = memoryFraction
        self.preallocate = preallocate
        self.visibleDevices = visibleDevices
    }

    /// The options in the plugin's terms.
    ///
    /// GPU plugins refuse names that they do not know and the CPU plugin ignores them, so which
    /// is which is told by an attribute that only CUDA plugins have.
    func namedValues(plugin: Plugin) -> [(name: String, value: NamedValue)] {
        guard plugin.attributes["cuda_version"] != nil else {
            return [("cpu_device_count", .integer(Int64(cpuDevices)))]
        }
        var values: [(name: String, value: NamedValue)] = [("platform_name", .text("cuda"))]
        if let memoryFraction { values.append(("memory_fraction", .real(Float(memoryFraction)))) }
        if let preallocate { values.append(("preallocate", .flag(preallocate))) }
        if let visibleDevices {
            values.append(("visible_devices", .integers(visibleDevices.map(Int64.init))))
        }
        return values
    }
}
