internal import CPUKernels

/// The time that a call of each CPU kernel takes, counted in the whole process.
///
/// While several calls run at once, each of them is given an equal part of the time, so that all
/// times together are those in which at least one kernel ran.
package struct KernelTimes: Hashable, Sendable {
    package struct Time: Hashable, Sendable {
        package let calls: Int
        package let seconds: Double

        package init(calls: Int, seconds: Double) {
            self.calls = calls
            self.seconds = seconds
        }
    }

    /// By the kernels' names; those that were called.
    package let times: [String: Time]

    package init(times: [String: Time]) {
        self.times = times
    }

    /// Counts the calls that are made meanwhile, if they are to be counted; others must not count
    /// at the same time.
    package static func counting(
        _ isCounting: Bool = true, _ body: () throws -> Void
    ) rethrows -> KernelTimes? {
        guard isCounting else {
            try body()
            return nil
        }
        epas_cpu_kernels_count_times(1)
        defer { epas_cpu_kernels_count_times(0) }
        try body()
        return KernelTimes(times: soFar())
    }

    private static func soFar() -> [String: Time] {
        var times: [String: Time] = [:]
        var index = 0
        while let name = epas_cpu_kernels()[index].target {
            let time = epas_cpu_kernel_time(Int32(index))
            if time.calls > 0 {
                times[String(cString: name)] = Time(calls: Int(time.calls), seconds: time.seconds)
            }
            index += 1
        }
        return times
    }
}
