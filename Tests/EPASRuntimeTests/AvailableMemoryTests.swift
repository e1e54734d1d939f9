import Testing

@testable import EPASRuntime

@Suite("Available memory")
struct AvailableMemoryTests {
    @Test("the machine says what it has")
    func machine() throws {
        let available = try #require(try Shared.client.get().availableMemoryBytes())
        #expect(available > 0)
        let text = "MemTotal:       24000000 kB\nMemAvailable:   16000000 kB\n"
        #expect(HostMemory.available(inMachine: text) == 16_000_000 * 1024)
        for text in ["", "MemAvailable:", "MemAvailable: 9223372036854775807 kB"] {
            #expect(HostMemory.available(inMachine: text) == nil)
        }
    }

    @Test(
        "the narrowest control group around the process counts, without its files' idle pages",
        arguments: [
            ("0::/a/b\n", ["/a/b/memory.max": "max", "/a/b/memory.current": "10"], nil),
            ("0::/a/b\n", ["/a/b/memory.max": "100\n", "/a/b/memory.current": "10\n"], 90),
            (
                "12:cpu:/x\n0::/a/b\n",
                [
                    "/a/b/memory.max": "100", "/a/b/memory.current": "10",
                    "/a/memory.max": "70", "/a/memory.current": "60",
                    "/a/memory.stat": "anon 20\ninactive_file 25\nactive_file 15\n",
                ], 35
            ),
            (
                "0::/\n",
                [
                    "/memory.max": "50", "/memory.current": "80",
                    "/memory.stat": "inactive_file 90",
                ], 50
            ),
            ("0::/\n", ["/memory.max": "50", "/memory.current": "80"], 0),
            ("0::/a\n", ["/a/memory.max": "-5", "/a/memory.current": "x"], nil),
            ("4:memory:/a\n", ["/a/memory.max": "5", "/a/memory.current": "1"], nil),
            ("", [:], nil),
        ] as [(String, [String: String], Int?)])
    func controlGroups(groups: String, files: [String: String], available: Int?) {
        #expect(HostMemory.available(inGroups: groups) { files[$0] } == available)
    }

    @Test("there is as much as the narrowest limit allows")
    func limit() throws {
        let files = ["/a/b/memory.max": "max", "/a/memory.max": "70", "/memory.max": "100"]
        #expect(HostMemory.limit(inGroups: "0::/a/b\n") { files[$0] } == 70)
        #expect(HostMemory.limit(inGroups: "0::/a/b\n") { _ in nil } == nil)
        #expect(try #require(HostMemory.totalBytes) >= #require(HostMemory.availableBytes))
    }
}
