/// How a client uses its devices. What does not apply to the plugin is not passed to it.
package struct ClientOptions: Hashable, Sendable {
    /// Threads for computation on the CPU; 0 means what `PJRT_NPROC` says in the environment, else
    /// one per core.
    package var threads: Int
    /// How many devices the CPU appears as; they share its threads.
    package var cpuDevices: Int
    /// GPU: the part of device memory to use, from 0 to 1; `nil` is the plugin's default.
    package var memoryFraction: Double?
    /// GPU: whether that memory is reserved at once; `nil` is the plugin's default.
    package var preallocate: Bool?
    /// GPU: the device numbers to use; `nil` is all.
    package var visibleDevices: [Int]?
    /// CPU: the functions of ours that programs may call.
    package var kernels: KernelChoice

    package init(
        threads: Int = 0, cpuDevices: Int = 1, memoryFraction: Double? = nil,
        preallocate: Bool? = nil, visibleDevices: [Int]? = nil,
        kernels: KernelChoice = .resolved()
    ) {
        self.threads = threads
        self.cpuDevices = cpuDevices
        self.memoryFraction = memoryFraction
        self.preallocate = preallocate
        self.visibleDevices = visibleDevices
        self.kernels = kernels
    }

    /// Refuses values that plugins take for something else or stop the process over.
    func check() throws(RuntimeError) {
        if threads < 0 || threads > 4096 {
            throw .unusableOption(
                "\(threads) is not a number of threads. Use 0 for one per core, or up to 4096.")
        }
        if cpuDevices < 1 || cpuDevices > 1024 {
            throw .unusableOption("\(cpuDevices) is not a number of devices. Use 1 to 1024.")
        }
        if let memoryFraction, !(memoryFraction > 0 && memoryFraction <= 1) {
            throw .unusableOption(
                "\(memoryFraction) is not a part of device memory. Use more than 0, up to 1.")
        }
        if let visibleDevices, visibleDevices.isEmpty || visibleDevices.contains(where: { $0 < 0 })
        {
            throw .unusableOption(
                "\(visibleDevices) is not a list of devices. Use numbers from 0, or nil for all.")
        }
    }

    /// The options in the plugin's terms.
    ///
    /// Plugins other than the CPU's refuse names that they do not know, so each is given its own,
    /// and an unknown one only what was asked for.
    func namedValues(family: Plugin.Family) -> [(name: String, value: NamedValue)] {
        var values: [(name: String, value: NamedValue)] = []
        switch family {
        case .cpu: return [("cpu_device_count", .integer(Int64(cpuDevices)))]
        case .cuda: values.append(("platform_name", .text("cuda")))
        case .other: break
        }
        if let memoryFraction { values.append(("memory_fraction", .real(Float(memoryFraction)))) }
        if let preallocate { values.append(("preallocate", .flag(preallocate))) }
        if let visibleDevices {
            values.append(("visible_devices", .integers(visibleDevices.map(Int64.init))))
        }
        return values
    }
}

extension Plugin {
    /// What a plugin's options are called. It must be known before there is a client to ask.
    enum Family {
        case cpu, cuda, other
    }

    var family: Family {
        let name = path.split(separator: "/").last.map { $0.lowercased() } ?? ""
        if attributes["cuda_version"] != nil || name.contains("cuda") { return .cuda }
        return name.contains("cpu") ? .cpu : .other
    }
}
