import EPASArray
import EPASRuntime
import Foundation
import Testing

struct ClientTests {
    @Test func `the client names its platform and devices`() throws {
        let client = try Client(Plugin.load(.cpu))
        #expect(client.platformName == "cpu")
        #expect(!client.platformVersion.isEmpty)
        #expect(client.devices.map(\.id) == [0])
        #expect(client.devices[0].kind == "cpu")
        #expect(client.devices[0].description == "CpuDevice(id=0)")
        #expect(client.threads == ProcessInfo.processInfo.activeProcessorCount)
        // The CPU plugin keeps no count; see ProcessMemory.
        #expect(try client.devices[0].memoryStatistics() == nil)
        #expect(try #require(try client.peakMemoryBytes()) > 1 << 20)
    }

    @Test(arguments: [
        (ClientOptions(threads: -1), "-1 is not a number of threads. Use 0 for one per core, or"),
        (ClientOptions(cpuDevices: 0), "0 is not a number of devices. Use 1 to 1024."),
        (ClientOptions(memoryFraction: 0), "0.0 is not a part of device memory. Use more than 0"),
        (ClientOptions(memoryFraction: 1.5), "1.5 is not a part of device memory."),
        (ClientOptions(memoryFraction: .nan), "nan is not a part of device memory."),
        (ClientOptions(visibleDevices: []), "[] is not a list of devices. Use numbers from 0"),
        (ClientOptions(visibleDevices: [0, -1]), "[0, -1] is not a list of devices."),
    ])
    func `unusable options are refused`(options: ClientOptions, text: String) throws {
        let error = #expect(throws: RuntimeError.self) {
            try Client(Plugin.load(.cpu), options: options)
        }
        #expect(error?.description.hasPrefix(text) == true)
    }

    @Test func `the thread count is respected`() async {
        // In a process of its own, where nobody else makes threads for XLA.
        await #expect(processExitsWith: .success) {
            setenv("PJRT_NPROC", "2", 1)
            let client = try Client(Plugin.load(.cpu), options: .init(threads: 3))
            #expect(client.threads == 3)
            let tasks = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")
            let names = tasks.compactMap {
                try? String(contentsOfFile: "/proc/self/task/\($0)/comm", encoding: .utf8)
            }
            #expect(names.count { $0.contains("XLAEigen") } == 3, "\(names)")
            // Without a number it is the environment's, which is as it was.
            #expect(try Client(Plugin.load(.cpu)).threads == 2)
        }
    }

    @Test func `the process's memory is counted`() throws {
        let before = try #require(ProcessMemory.residentBytes)
        let size = 64 << 20
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 4096)
        memset(memory, 1, size)
        let during = try #require(ProcessMemory.residentBytes)
        memory.deallocate()
        let peak = try #require(ProcessMemory.peakResidentBytes)
        #expect(during >= size)
        #expect(peak >= size)
        #expect(before > 0)
    }
}

/// XLA's log must not reach the terminal unless asked for.
struct PluginLogTests {
    /// Work that makes this plugin write to its log.
    private static func work() throws {
        let client = try Client(Plugin.load(.cpu), options: .init(cpuDevices: 2))
        try withTemporaryFolder { folder in
            let cache = ExecutableCache(directory: folder)
            for _ in 0..<2 {
                let program = try client.compile(Programs.sumAndProduct, cache: cache)
                let two = HostArray([2, 2] as [Float], [2])
                _ = try program.run([two, two])
            }
        }
        #expect(throws: PJRTError.self) { try client.compile("nonsense") }
    }

    @Test func `nothing but our own words is printed`() async throws {
        let result = await #expect(
            processExitsWith: .success,
            observing: [\.standardErrorContent, \.standardOutputContent]
        ) {
            unsetenv("TF_CPP_MIN_LOG_LEVEL")
            unsetenv("EPAS_XLA_LOG")
            try Self.work()
            FileHandle.standardError.write(Data("our own words".utf8))
        }
        let text = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(text == "our own words")
        let output = String(decoding: try #require(result).standardOutputContent, as: UTF8.self)
        #expect(!output.contains("pjrt"))
    }

    @Test func `the log appears where EPAS_XLA_LOG is set`() async throws {
        let result = await #expect(
            processExitsWith: .success, observing: [\.standardErrorContent]
        ) {
            unsetenv("TF_CPP_MIN_LOG_LEVEL")
            setenv("EPAS_XLA_LOG", "1", 1)
            try Self.work()
        }
        let text = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(text.contains("cpu_device_count"))
    }
}
