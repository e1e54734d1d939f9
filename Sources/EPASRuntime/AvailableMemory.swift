internal import Foundation

extension Client {
    /// The memory that a program may still take on a device, in bytes: what the plugin says is
    /// free, or where it does not keep count, what this machine and the limits on the process
    /// leave. `nil` where nobody says.
    package func availableMemoryBytes(device: Int = 0) throws -> Int? {
        guard let statistics = try devices[device].memoryStatistics(),
            let limit = statistics.limit
        else { return HostMemory.availableBytes }
        return max(0, limit - statistics.inUse)
    }
}

/// The memory of the machine.
package enum HostMemory {
    /// What can still be taken, without swapping and within the control group's limits; `nil`
    /// where the system does not say.
    package static var availableBytes: Int? {
        let machine = SystemFile.text("/proc/meminfo").flatMap(available(inMachine:))
        let group = SystemFile.text("/proc/self/cgroup").flatMap { groups in
            available(inGroups: groups) { SystemFile.text("/sys/fs/cgroup\($0)") }
        }
        return [machine, group].compactMap(\.self).min()
    }

    /// What there is, within the control group's limits; `nil` where the system does not say.
    package static var totalBytes: Int? {
        let machine = SystemFile.text("/proc/meminfo").flatMap {
            number(of: "MemTotal", inMachine: $0)
        }
        let group = SystemFile.text("/proc/self/cgroup").flatMap { groups in
            limit(inGroups: groups) { SystemFile.text("/sys/fs/cgroup\($0)") }
        }
        return [machine, group].compactMap(\.self).min()
    }

    static func available(inMachine text: String) -> Int? {
        number(of: "MemAvailable", inMachine: text)
    }

    /// Reads a line such as `MemAvailable:   12345 kB` (proc_meminfo(5)).
    private static func number(of name: String, inMachine text: String) -> Int? {
        for line in text.split(separator: "\n") where line.hasPrefix("\(name):") {
            return line.split(whereSeparator: \.isWhitespace).dropFirst().first
                .flatMap { Int($0) }.flatMap(bytes(kibibytes:))
        }
        return nil
    }

    private static func bytes(kibibytes count: Int) -> Int? {
        let (bytes, overflows) = count.multipliedReportingOverflow(by: 1024)
        return overflows || bytes < 0 ? nil : bytes
    }

    /// What the process's control group and those around it leave, of version 2
    /// (<https://docs.kernel.org/admin-guide/cgroup-v2.html>). Pages of files that were not used
    /// lately are given back when memory is short, and count as free.
    ///
    /// - Parameters:
    ///   - groups: The text of `/proc/self/cgroup`.
    ///   - file: The text of a file below the control groups' root, by its path.
    static func available(inGroups groups: String, file: (String) -> String?) -> Int? {
        least(inGroups: groups) { group in
            guard let limit = number(file(group + "/memory.max")),
                let used = number(file(group + "/memory.current"))
            else { return nil }
            let cached = inactiveFileBytes(file(group + "/memory.stat"))
            // As in /proc/meminfo, what is in use can pass the limit for a moment.
            return max(0, limit - max(0, used - min(used, cached)))
        }
    }

    /// The narrowest limit of the process's control group and those around it.
    static func limit(inGroups groups: String, file: (String) -> String?) -> Int? {
        least(inGroups: groups) { number(file($0 + "/memory.max")) }
    }

    /// The least number among those that the control groups have, from the process's own outward.
    private static func least(inGroups groups: String, _ number: (String) -> Int?) -> Int? {
        guard let line = groups.split(separator: "\n").first(where: { $0.hasPrefix("0::/") })
        else { return nil }
        var names = line.dropFirst(4).split(separator: "/")
        var least: Int?
        while true {
            if let found = number(names.map { "/" + $0 }.joined()) {
                least = min(least ?? found, found)
            }
            if names.isEmpty { return least }
            names.removeLast()
        }
    }

    /// A file's one number; `nil` for `max`.
    private static func number(_ text: String?) -> Int? {
        text.flatMap { Int($0.split(whereSeparator: \.isWhitespace).first ?? "") }
            .flatMap { $0 < 0 ? nil : $0 }
    }

    private static func inactiveFileBytes(_ statistics: String?) -> Int {
        for line in (statistics ?? "").split(separator: "\n")
        where line.hasPrefix("inactive_file ") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }
                .flatMap { $0 < 0 ? nil : $0 } ?? 0
        }
        return 0
    }
}
