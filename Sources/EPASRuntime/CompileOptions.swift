/// What the compiler is told beside the program.
package struct CompileOptions: Hashable, Sendable {
    /// The value of one of the compiler's own options.
    package enum Value: Hashable, Sendable {
        case text(String)
        case flag(Bool)
        case integer(Int)
        case real(Double)
    }

    /// Index into ``Client/devices`` of the device to run on.
    package var device: Int
    /// Compiler options by name, without dashes, such as `xla_disable_hlo_passes`.
    /// The compiler refuses names that it does not know.
    package var overrides: [String: Value]

    package init(device: Int = 0, overrides: [String: Value] = [:]) {
        self.device = device
        self.overrides = overrides
    }

    /// The serialized `CompileOptionsProto`
    /// (<https://github.com/openxla/xla/blob/f4d624b6811c/xla/pjrt/proto/compile_options.proto>).
    ///
    /// - Parameter deviceID: The plugin's number for the device.
    func serialized(deviceID: Int) -> [UInt8] {
        var options = ProtobufWriter()
        options.message(3) { build in  // executable_build_options
            build.integer(4, 1)  // num_replicas
            build.integer(5, 1)  // num_partitions
            if deviceID != 0 {
                build.message(9) { assignment in  // device_assignment
                    assignment.integer(1, 1)  // replica_count
                    assignment.integer(2, 1)  // computation_count
                    assignment.message(3) { $0.integers(1, [deviceID]) }  // computation_devices
                }
            }
        }
        // A map is a list of entries; sorted, so that equal options have equal bytes.
        for (name, value) in overrides.sorted(by: { $0.key < $1.key }) {
            options.message(7) { entry in  // env_option_overrides
                entry.text(1, name)
                entry.message(2) { override in
                    switch value {
                    case .text(let text): override.text(1, text)
                    case .flag(let flag): override.flag(2, flag)
                    case .integer(let integer): override.integer(3, integer)
                    case .real(let real): override.real(4, real)
                    }
                }
            }
        }
        return options.bytes
    }
}
