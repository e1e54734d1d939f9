import CPJRT
import Foundation
import Testing

@testable import EPASRuntime

struct PluginTests {
    @Test func `a plugin is loaded once and says what it is`() throws {
        let plugin = try Plugin.load(.cpu)
        #expect(try Plugin.load(.cpu) === plugin)
        #expect(try Plugin.load(.path(plugin.path)) === plugin)
        #expect(plugin.path.hasSuffix("/xla-cpu-pjrt/xla_cpu_pjrt.so"))
        #expect(plugin.version.hasPrefix("0."))
        let stableHLO = try #require(plugin.attributes["stablehlo_current_version"])
        #expect(stableHLO.split(separator: ".").count == 3)
    }

    @Test(arguments: [
        (nil, nil, PluginChoice.cpu),
        (nil, "cuda", .cuda),
        (nil, "/some/plugin.so", .path("/some/plugin.so")),
        ("cpu", "cuda", .cpu),
        ("cuda", nil, .cuda),
        ("tpu.so", "cpu", .path("tpu.so")),
        ("", "cuda", .cuda),
        (nil, "", .cpu),
    ])
    func `the run file decides, then the environment`(
        runFile: String?, variable: String?, choice: PluginChoice
    ) {
        let environment = variable.map { ["EPAS_PJRT_PLUGIN": $0] } ?? [:]
        #expect(PluginChoice.resolved(runFile: runFile, environment: environment) == choice)
    }

    @Test func `a missing file is named`() {
        let error = #expect(throws: PluginError.self) {
            try Plugin.load(.path("/nowhere/plugin.so"))
        }
        #expect(
            error?.description
                == "The plugin was not found in /nowhere/plugin.so. "
                + "Set runtime.plugin to cpu, cuda or a plugin's path.")
    }

    @Test func `a library that is no plugin is refused`() throws {
        // Every Linux process has the C library mapped.
        let maps = try #require(SystemFile.text("/proc/self/maps"))
        let line = try #require(maps.split(separator: "\n").first { $0.hasSuffix("libc.so.6") })
        let path = String(line[try #require(line.firstIndex(of: "/"))...])
        let error = #expect(throws: PluginError.self) { try Plugin.load(.path(path)) }
        let text = try #require(error?.description)
        #expect(
            text.hasSuffix(
                "is a library but not a PJRT plugin (it has no function GetPjrtApi). "
                    + "Set runtime.plugin to cpu, cuda or a plugin's path."))
    }

    @Test(arguments: ["", "not a library\n", "\u{7F}ELF"])
    func `a file that is no library is refused with the linker's reason`(content: String) throws {
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "plugin.so")
            try Data(content.utf8).write(to: file)
            let error = #expect(throws: PluginError.self) { try Plugin.load(.path(file.path)) }
            guard case .cannotOpen(let path, let reason) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(path == file.path)
            #expect(reason.contains("file too short") || reason.contains("invalid ELF header"))
        }
    }

    @Test func `a folder is refused`() {
        let error = #expect(throws: PluginError.self) { try Plugin.load(.path("/usr")) }
        #expect(error?.description.hasPrefix("The plugin /usr cannot be loaded: ") == true)
    }

    @Test func `EPAS_DEPS alone is searched where it is set`() throws {
        try withTemporaryFolder { folder in
            let environment = ["EPAS_DEPS": folder.path]
            let error = #expect(throws: PluginError.self) {
                try PluginChoice.cpu.locate(environment: environment)
            }
            #expect(
                error?.description
                    == "The CPU plugin xla-cpu-pjrt/xla_cpu_pjrt.so was not found in \(folder.path)"
                    + ". Run `make setup`, or set EPAS_DEPS to the folder that holds xla-cpu-pjrt.")
            let plugin = folder.appending(path: "xla-cpu-pjrt/xla_cpu_pjrt.so")
            try FileManager.default.createDirectory(
                at: plugin.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data().write(to: plugin)
            #expect(try PluginChoice.cpu.locate(environment: environment).path == plugin.path)
        }
    }

    @Test func `.deps is searched from here and from the executable upwards`() {
        let folders = PluginChoice.dependencyFolders(environment: [:])
        let here = FileManager.default.currentDirectoryPath
        #expect(folders.first == "\(here == "/" ? "" : here)/.deps")
        #expect(folders.contains("/.deps"))
        let parent = URL(filePath: here).deletingLastPathComponent().appending(path: ".deps").path
        #expect(folders.contains(parent))
        let executable = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent()
        #expect(folders.contains(executable.appending(path: ".deps").path))
        #expect(folders.count == Set(folders).count)
    }

    @Test func `the CUDA plugin is found among Python packages`() throws {
        try withTemporaryFolder { folder in
            let environment = ["PYTHONPATH": folder.path, "EPAS_DEPS": "/nowhere"]
            let error = #expect(throws: PluginError.self) {
                try CUDALibraries(folders: [folder.path, "/else"]).locate()
            }
            #expect(
                error?.description
                    == "The CUDA plugin jax_plugins/xla_cuda13/xla_cuda_plugin.so was not found in "
                    + "\(folder.path), /else. Install it with `pip install jax-cuda13-pjrt "
                    + "'jax-cuda13-plugin[with-cuda]'`, or set runtime.plugin to the plugin's path."
            )
            let plugin = folder.appending(path: "jax_plugins/xla_cuda13/xla_cuda_plugin.so")
            try FileManager.default.createDirectory(
                at: plugin.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data().write(to: plugin)
            #expect(try PluginChoice.cuda.locate(environment: environment).path == plugin.path)
        }
    }

    @Test func `CUDA's libraries are loaded before its plugin`() async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "epas-runtime-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let tools = folder.appending(path: "nvidia/cu13/lib")
        try FileManager.default.createDirectory(at: tools, withIntermediateDirectories: true)
        let path = folder.path
        // In a process of its own, whose environment it changes.
        await #expect(processExitsWith: .success) { [path = path as String] in
            setenv("XLA_FLAGS", "--xla_dump_hlo_as_text", 1)
            let libraries = CUDALibraries(folders: ["/nowhere", path])
            #expect(libraries.prepare() == [])
            #expect(libraries.prepare() == [])
            #expect(
                String(cString: getenv("XLA_FLAGS"))
                    == "--xla_dump_hlo_as_text --xla_gpu_cuda_data_dir=\(path)/nvidia/cu13")
            // A broken library is named when the plugin does not load, either.
            let runtime = "\(path)/nvidia/cu13/lib/libcudart.so.13"
            let plugin = "\(path)/jax_plugins/xla_cuda13/xla_cuda_plugin.so"
            try FileManager.default.createDirectory(
                atPath: "\(path)/jax_plugins/xla_cuda13", withIntermediateDirectories: true)
            for file in [runtime, plugin] {
                try Data("broken".utf8).write(to: URL(filePath: file))
            }
            let error = #expect(throws: PluginError.self) { try Plugin.load(.path(plugin)) }
            let text = try #require(error?.description)
            #expect(text.hasPrefix("The plugin \(plugin) cannot be loaded: \(plugin): "))
            #expect(text.contains("; \(runtime): "))
        }
    }
}

/// Plugins that are made of a table of functions in this process.
@Suite(.serialized) struct PluginTableTests {
    /// A table as an old plugin has it: no function after the first few.
    private func table(major: Int32 = PJRT_API_MAJOR, minor: Int32 = 1) -> PJRT_Api {
        var table = PJRT_Api()
        table.struct_size = MemoryLayout<PJRT_Api>.offset(of: \.PJRT_Event_Destroy)!
        table.pjrt_api_version.major_version = major
        table.pjrt_api_version.minor_version = minor
        table.PJRT_Plugin_Initialize = { _ in nil }
        table.PJRT_Plugin_Attributes = { _ in nil }
        // Beyond what the table says it holds: must not be believed.
        table.PJRT_Client_Create = { _ in fatalError("called past the table's end") }
        return table
    }

    @Test func `another major version is refused`() {
        var table = table(major: 7, minor: 3)
        let error = #expect(throws: PluginError.self) {
            try Plugin(path: "new.so", table: &table)
        }
        #expect(
            error?.description
                == "The plugin new.so has version 7.3 of PJRT's C interface, but this program "
                + "needs 0.x. Install a plugin of that version.")
    }

    @Test func `a function that an old plugin lacks is named`() throws {
        var table = table()
        let plugin = try Plugin(path: "old.so", table: &table)
        #expect(plugin.version == "0.1")
        let error = #expect(throws: PJRTError.self) { try Client(plugin) }
        #expect(
            error?.description
                == "PJRT_Client_Create failed (unimplemented): The plugin does not have this "
                + "function. Use a plugin version that has PJRT_Client_Create.")
    }

    /// The fake plugin's error objects that are not destroyed.
    nonisolated(unsafe) static var liveErrors = 0

    @Test func `an error keeps its words and is destroyed`() throws {
        var table = table()
        table.PJRT_Plugin_Initialize = { _ in
            PluginTableTests.liveErrors += 1
            return OpaquePointer(bitPattern: 64)
        }
        table.PJRT_Error_Message = { arguments in
            let words: StaticString = "the device is on fire \n"
            arguments!.pointee.message = UnsafeRawPointer(words.utf8Start)
                .assumingMemoryBound(to: CChar.self)
            arguments!.pointee.message_size = words.utf8CodeUnitCount
        }
        table.PJRT_Error_GetCode = { arguments in
            arguments!.pointee.code = PJRT_Error_Code_DATA_LOSS
            return nil
        }
        table.PJRT_Error_Destroy = { _ in PluginTableTests.liveErrors -= 1 }
        let error = #expect(throws: PJRTError.self) { try Plugin(path: "bad.so", table: &table) }
        #expect(
            error?.description
                == "PJRT_Plugin_Initialize failed (dataLoss): the device is on fire")
        #expect(Self.liveErrors == 0)
    }
}
