import BasicContainers
import EPASArray
import Foundation
import Testing

@testable import EPASRuntime

struct ExecutableCacheTests {
    let client: Client

    init() throws { client = try Shared.client.get() }

    private func check(_ program: Executable) throws {
        let results = try program.run([
            HostArray([1, 2] as [Float], [2]), HostArray([3, 5] as [Float], [2]),
        ])
        #expect(results.map(floats) == [[4, 7], [3, 10]])
    }

    private func entries(_ folder: URL, suffix: String = ".executable") throws -> [URL] {
        try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.lastPathComponent.hasSuffix(suffix) }
    }

    @Test func `the second compilation is found, by another client, too`() throws {
        try withTemporaryFolder { folder in
            // The folder need not exist.
            let cache = ExecutableCache(directory: folder.appending(path: "a/b"))
            try check(client.compile(Programs.sumAndProduct, cache: cache))
            #expect(cache.statistics == .init(hits: 0, misses: 1))
            let program = try client.compile(Programs.sumAndProduct, cache: cache)
            try check(program)
            #expect(cache.statistics == .init(hits: 1, misses: 1))
            #expect(program.parameters == [Shape(.float32, [2]), Shape(.float32, [2])])
            #expect(try program.memoryStatistics().arguments == 16)

            let other = try Client(Plugin.load(.cpu), options: .init(cpuDevices: 2))
            let again = ExecutableCache(directory: cache.directory)
            try check(other.compile(Programs.sumAndProduct, cache: again))
            #expect(again.statistics == .init(hits: 1))
        }
    }

    @Test func `another process finds it`() async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "epas-runtime-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.path
        for expected in [0, 1] {
            await #expect(processExitsWith: .success) {
                [path = path as String, expected = expected as Int] in
                let cache = ExecutableCache(directory: URL(filePath: path))
                let client = try Client(Plugin.load(.cpu), options: .init(threads: 2))
                let program = try client.compile(Programs.sumAndProduct, cache: cache)
                let two = HostArray([2, 2] as [Float], [2])
                #expect(try program.run([two, two]).map(floats) == [[4, 4], [4, 4]])
                #expect(cache.statistics.hits == expected)
            }
        }
    }

    @Test func `a donating program survives the way to disk`() throws {
        try withTemporaryFolder { folder in
            let cache = ExecutableCache(directory: folder)
            for hits in 0...1 {
                let program = try client.compile(Programs.update, cache: cache)
                #expect(cache.statistics.hits == hits)
                let ones = HostArray([Float](repeating: 1, count: 64), [64])
                var state = try client.makeBuffers([ones, ones])
                let address = try state[0].deviceAddress()
                state = try program.execute(donating: state, inputs: [ones])
                #expect(try floats(state[0].hostArray())[0] == 2)
                #expect(try state[0].deviceAddress() == address)
            }
        }
    }

    @Test func `whatever changes the result changes the name`() throws {
        try withTemporaryFolder { folder in
            let cache = ExecutableCache(directory: folder)
            let text = Programs.sumAndProduct
            let fewer = try Client(Plugin.load(.cpu), options: .init(threads: 1, cpuDevices: 2))
            _ = try client.compile(text, cache: cache)
            _ = try client.compile(text + "\n", cache: cache)
            _ = try client.compile(text, options: .init(device: 1), cache: cache)
            _ = try client.compile(
                text, options: .init(overrides: ["xla_disable_hlo_passes": .text("cse")]),
                cache: cache)
            _ = try client.compile(
                text, options: .init(overrides: ["xla_disable_hlo_passes": .text("dce")]),
                cache: cache)
            _ = try fewer.compile(text, cache: cache)
            #expect(cache.statistics == .init(hits: 0, misses: 6))
            #expect(try entries(folder).count == 6)
        }
    }

    /// What can happen to a file.
    enum Damage: CaseIterable {
        case empty, magic, key, checksum, firstByte, lastByte, shorter, longer, headerOnly

        func apply(to file: Data) -> Data {
            var file = file
            switch self {
            case .empty: return Data()
            case .magic: file[0] ^= 1
            case .key: file[20] ^= 1
            case .checksum: file[50] ^= 1
            case .firstByte: file[72] ^= 1
            case .lastByte: file[file.count - 1] ^= 0x80
            case .shorter: file.removeLast()
            case .longer: file.append(0)
            case .headerOnly: file = file.prefix(72)
            }
            return file
        }
    }

    @Test(arguments: Damage.allCases)
    func `a damaged entry is compiled anew`(damage: Damage) throws {
        try withTemporaryFolder { folder in
            let cache = ExecutableCache(directory: folder)
            try check(client.compile(Programs.sumAndProduct, cache: cache))
            let entry = try #require(try entries(folder).first)
            let whole = try Data(contentsOf: entry)
            try damage.apply(to: whole).write(to: entry)

            try check(client.compile(Programs.sumAndProduct, cache: cache))
            #expect(cache.statistics == .init(hits: 0, misses: 2, rejected: 1))
            try check(client.compile(Programs.sumAndProduct, cache: cache))
            #expect(cache.statistics == .init(hits: 1, misses: 2, rejected: 1))
        }
    }

    @Test func `an entry under another program's name is not used`() throws {
        try withTemporaryFolder { folder in
            let cache = ExecutableCache(directory: folder)
            _ = try client.compile(Programs.update, cache: cache)
            let other = try #require(try entries(folder).first)
            let file = try Data(contentsOf: other)
            try FileManager.default.removeItem(at: other)
            _ = try client.compile(Programs.sumAndProduct, cache: cache)
            try file.write(to: try #require(try entries(folder).first))

            try check(client.compile(Programs.sumAndProduct, cache: cache))
            #expect(cache.statistics == .init(hits: 0, misses: 3, rejected: 1))
        }
    }

    @Test func `an entry that the plugin refuses is compiled anew`() throws {
        try withTemporaryFolder { folder in
            let cache = ExecutableCache(directory: folder)
            let options = CompileOptions().serialized(deviceID: 0)
            let key = try client.cacheKey(
                program: Programs.sumAndProduct, options: options, cache: cache)
            cache.store(Data("no executable at all".utf8), as: key)
            try check(client.compile(Programs.sumAndProduct, cache: cache))
            #expect(cache.statistics == .init(hits: 0, misses: 1, rejected: 1))
            try check(client.compile(Programs.sumAndProduct, cache: cache))
            #expect(cache.statistics == .init(hits: 1, misses: 1, rejected: 1))
        }
    }

    @Test func `the least recently used entry goes first`() throws {
        try withTemporaryFolder { folder in
            func key(_ name: String) -> CacheKey { CacheKey([Data(name.utf8)]) }
            // Each entry takes 1000 bytes and a header; three fit.
            let cache = ExecutableCache(directory: folder, limit: 3300)
            let payload = Data(repeating: 9, count: 1000)
            for (age, name) in ["a", "b", "c"].enumerated() {
                cache.store(payload, as: key(name))
                try FileManager.default.setAttributes(
                    [.modificationDate: Date(timeIntervalSinceNow: Double(age - 100))],
                    ofItemAtPath: folder.appending(path: "\(key(name).text).executable").path)
            }
            #expect(cache.load(key("a")) == payload)
            cache.store(payload, as: key("d"))
            #expect(cache.load(key("b")) == nil)
            #expect(cache.load(key("a")) == payload)
            #expect(cache.load(key("c")) == payload)
            #expect(cache.load(key("d")) == payload)
            // One that exceeds the limit alone stays until the next.
            cache.store(Data(repeating: 1, count: 5000), as: key("e"))
            #expect(try entries(folder).count == 1)
        }
    }

    @Test func `what a killed process left behind is removed`() throws {
        try withTemporaryFolder { folder in
            let old = folder.appending(path: "left.partial")
            let new = folder.appending(path: "busy.partial")
            for url in [old, new] { try Data([1]).write(to: url) }
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -7200)], ofItemAtPath: old.path)
            ExecutableCache(directory: folder).store(Data([2]), as: CacheKey([]))
            #expect(
                try entries(folder, suffix: ".partial").map(\.lastPathComponent) == ["busy.partial"]
            )
        }
    }

    @Test func `a folder that cannot be written costs time only`() throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "file")
            try Data([1]).write(to: file)
            let cache = ExecutableCache(directory: file)
            try check(client.compile(Programs.sumAndProduct, cache: cache))
            #expect(cache.statistics.unwritten == 1)
            let problem = try #require(cache.statistics.lastProblem)
            #expect(problem.hasPrefix("cannot write \(file.path)/"))
        }
    }

    @Test func `many at once share a folder`() async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "epas-runtime-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    // So small that entries are evicted while others read them.
                    let cache = ExecutableCache(directory: folder, limit: 10_000)
                    for round in 0..<40 {
                        let name = (worker + round) % 5
                        let key = CacheKey([Data([UInt8(name)])])
                        let payload = Data(repeating: UInt8(name), count: 3000 + name)
                        if let found = cache.load(key) { #expect(found == payload) }
                        cache.store(payload, as: key)
                    }
                    #expect(cache.statistics.rejected == 0)
                    #expect(cache.statistics.lastProblem == nil)
                }
            }
        }
        #expect(try entries(folder, suffix: ".partial").isEmpty)
    }

    @Test func `a replaced plugin file is another plugin`() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(path: "plugin.so").path
            let file = PluginFile(path: path)
            let date = Date(timeIntervalSince1970: 315_532_800)
            try Data("abc".utf8).write(to: URL(filePath: path))
            try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path)
            // FIPS 180-2, appendix B.1.
            let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
            #expect(try file.hash(rememberedIn: folder) == abc)
            #expect(try file.hash(rememberedIn: folder) == abc)
            // The same size and the same date, as unpacking a package gives.
            try Data("abd".utf8).write(to: URL(filePath: path))
            try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path)
            #expect(try file.hash(rememberedIn: folder) != abc)
            // A damaged note is not believed.
            for note in try entries(folder, suffix: ".plugin") {
                try Data("nonsense".utf8).write(to: note)
            }
            #expect(try file.hash(rememberedIn: folder).count == 64)
        }
    }
}
