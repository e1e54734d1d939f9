import EPASArray
import EPASCheckpoint
import EPASTesting
import Foundation
import Testing

/// The content of the checkpoint of a step.
private struct State: Codable, Hashable {
    var step: Int
    var note = "a/b"
}

/// A process that stops at a point of a save.
private struct Stop: Error {}

@Suite("Checkpoints of a run")
struct CheckpointStoreTests {
    let folder: TemporaryFolder
    let store: CheckpointStore

    init() throws {
        folder = try TemporaryFolder()
        store = CheckpointStore(folder("runs/one/checkpoints"))
    }

    private func save(
        _ step: Int, keep: Int = 3, note: String = "a/b",
        stage: (CheckpointStore.Stage) throws -> Void = { _ in }
    ) throws {
        try store.save(step: step, keep: keep, stage: stage) { draft in
            try draft.write("config.json", Data("{}\n".utf8))
            let shapes = ["w": Shape(.float32, [3]), "b": Shape(.bfloat16, [2])]
            try draft.writeTensors("model.safetensors", shapes) { name in
                name == "w"
                    ? HostArray([Float(step), 1, 2], [3])
                    : HostArray([BFloat16(Float(step)), BFloat16(1)], [2])
            }
            try draft.write("state.json", State(step: step, note: note))
        }
    }

    private var names: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: store.url.path).sorted()) ?? []
    }

    /// The newest good checkpoint's step, after checking that its content is the step's.
    private func latestStep() throws -> Int? {
        guard let checkpoint = store.latestGood().checkpoint else { return nil }
        let state = try checkpoint.decode("state.json", as: State.self)
        #expect(state.step == checkpoint.step)
        let array = try checkpoint.tensors("model.safetensors").array("w")
        #expect(array.elements(as: Float.self) == [Float(checkpoint.step), 1, 2])
        return checkpoint.step
    }

    @Test func savesAndFindsTheNewest() throws {
        #expect(try latestStep() == nil)
        try save(5)
        try save(10)
        #expect(names == ["step-00000005", "step-00000010"])
        let (checkpoint, refused) = store.latestGood()
        #expect(checkpoint?.step == 10)
        #expect(checkpoint?.files == ["config.json", "model.safetensors", "state.json"])
        #expect(refused.isEmpty)
        #expect(try latestStep() == 10)
    }

    @Test func theManifestIsThis() throws {
        try store.save(step: 7, keep: 1) { try $0.write("a.txt", Data("abc".utf8)) }
        let manifest = try String(
            contentsOf: store.folder(ofStep: 7).appendingPathComponent("manifest.json"),
            encoding: .utf8)
        #expect(
            manifest == """
                {
                  "version": 1,
                  "step": 7,
                  "files": {
                    "a.txt": {
                      "bytes": 3,
                      "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
                    }
                  }
                }

                """)
    }

    @Test func equalStatesGiveEqualBytes() throws {
        let other = CheckpointStore(folder("runs/two/checkpoints"))
        for store in [store, other] {
            try store.save(step: 7, keep: 1) { try $0.write("state.json", State(step: 7)) }
        }
        let files = [store, other].map {
            try? Data(contentsOf: $0.folder(ofStep: 7).appendingPathComponent("state.json"))
        }
        #expect(files[0] == files[1])
        #expect(files[0] == Data("{\n  \"note\" : \"a/b\",\n  \"step\" : 7\n}\n".utf8))
    }

    @Test func keepsTheNewestFew() throws {
        for step in stride(from: 10, through: 60, by: 10) { try save(step, keep: 2) }
        #expect(names == ["step-00000050", "step-00000060"])
        try save(70, keep: 1)
        #expect(names == ["step-00000070"])
    }

    @Test func newestIsByStepNotByTime() throws {
        try save(20)
        try save(10)
        #expect(try latestStep() == 20)
        // Beyond eight digits, names do not sort as numbers do.
        try save(99_999_999)
        try save(100_000_000)
        #expect(try latestStep() == 100_000_000)
    }

    @Test func retentionNeverCountsCheckpointsOfLaterSteps() throws {
        for step in [100, 200, 300] { try save(step) }
        try damage(300, "model.safetensors")
        try damage(200, "model.safetensors")
        #expect(try latestStep() == 100)
        // The run was continued from 100; its next save is the only good one that counts.
        try save(150, keep: 1)
        #expect(names == ["step-00000150", "step-00000200", "step-00000300"])
        #expect(try latestStep() == 150)
    }

    @Test func aCheckpointOfTheSameStepIsReplaced() throws {
        try save(10, note: "old")
        try save(10, note: "new")
        #expect(names == ["step-00000010"])
        #expect(
            try store.latestGood().checkpoint?.decode("state.json", as: State.self).note == "new")
    }

    @Test func aFileCanBeCopied() throws {
        let source = try folder.write("tokenizer.model", "pieces")
        try store.save(step: 1, keep: 1) { try $0.copy(source, as: "tokenizer.model") }
        let copied = store.folder(ofStep: 1).appendingPathComponent("tokenizer.model")
        #expect(try Data(contentsOf: copied) == Data("pieces".utf8))
    }

    @Test func otherNamesAreNoCheckpoints() throws {
        for name in ["step-1", "step-000000001", "step--0000001", "step-0000000x", "x", "step-"] {
            try FileManager.default.createDirectory(
                at: store.url.appendingPathComponent(name), withIntermediateDirectories: true)
        }
        #expect(store.steps == [])
        #expect(try latestStep() == nil)
    }

    // MARK: Stops in the middle

    private func stages() throws -> [CheckpointStore.Stage] {
        var stages: [CheckpointStore.Stage] = []
        for step in [10, 20, 30] { try save(step, keep: 2) }
        // Replaces a checkpoint of its step, and deletes an older one.
        try save(30, keep: 1) { stages.append($0) }
        return stages
    }

    @Test func theStagesOfASave() throws {
        #expect(
            try stages() == [
                .folderCreated, .fileWritten("config.json"), .fileWritten("model.safetensors"),
                .fileWritten("state.json"), .manifestWritten, .verified, .movedAside, .renamed,
                .completed, .deleting(step: 20),
            ])
    }

    @Test("a save stopped after any stage loses nothing that was saved", arguments: 0..<10)
    func stopped(at index: Int) throws {
        for step in [10, 20, 30] { try save(step, keep: 2, note: "old") }
        var count = 0
        #expect(throws: Stop.self) {
            try save(30, keep: 1, note: "new") { _ in
                count += 1
                if count == index + 1 { throw Stop() }
            }
        }
        // As at the next start.
        try store.removeLeftovers()
        #expect(names.allSatisfy { $0.hasPrefix("step-") })
        #expect(try latestStep() == 30)
        let note = try store.latestGood().checkpoint?.decode("state.json", as: State.self).note
        #expect(note == (index < 7 ? "old" : "new"))
        #expect(store.steps == (index < 9 ? [20, 30] : [30]))
        try save(40, keep: 1)
        #expect(names == ["step-00000040"])
    }

    @Test(
        "a first save stopped after any stage leaves no checkpoint, or a whole one",
        arguments: 0..<8)
    func firstStopped(at index: Int) throws {
        var count = 0
        #expect(throws: Stop.self) {
            try save(30) { _ in
                count += 1
                if count == index + 1 { throw Stop() }
            }
        }
        #expect(try latestStep() == (index < 6 ? nil : 30))
        try store.removeLeftovers()
        #expect(names == (index < 6 ? [] : ["step-00000030"]))
    }

    @Test func aFailedSaveIsRemovedAndSaid() throws {
        try save(10)
        let absent = folder("absent")
        let error = #expect(throws: CheckpointError.self) {
            try store.save(step: 20, keep: 1) { draft in
                try draft.write("a", Data("abc".utf8))
                try draft.copy(absent, as: "b")
            }
        }
        #expect(
            error?.description
                == "\(absent.path): cannot be opened: No such file or directory. Check the path.")
        #expect(names == ["step-00000010"])
        #expect(try latestStep() == 10)
    }

    @Test(
        "a full disk leaves the last checkpoint and no half one",
        arguments: ["config.json", "model.safetensors", "state.json", "manifest.json"])
    func fullDisk(name: String) throws {
        try save(10)
        let error = #expect(throws: CheckpointError.self) {
            try save(20, keep: 1) { stage in
                guard stage == .folderCreated else { return }
                // Every write to this device fails as on a full disk.
                try FileManager.default.createSymbolicLink(
                    atPath: store.url.appendingPathComponent(".saving-step-00000020/\(name)").path,
                    withDestinationPath: "/dev/full")
            }
        }
        #expect(error?.problems == ["cannot be written: No space left on device"])
        #expect(names == ["step-00000010"])
        #expect(try latestStep() == 10)
    }

    @Test func aFolderThatCannotBeMadeIsSaid() throws {
        let file = try folder.write("file", "")
        let error = #expect(throws: CheckpointError.self) {
            try CheckpointStore(file.appendingPathComponent("checkpoints")).save(step: 1, keep: 1) {
                _ in
            }
        }
        #expect(error?.problems.first?.hasPrefix("the folder cannot be created: ") == true)
        #expect(
            error?.remedy == "Check the permissions of the folder above it, and the disk.")
    }

    // MARK: Damage

    private func damage(_ step: Int, _ name: String, at offset: Int = -1) throws {
        let url = store.folder(ofStep: step).appendingPathComponent(name)
        var data = try Data(contentsOf: url)
        data[offset < 0 ? data.count - 1 : offset] ^= 0x10
        try data.write(to: url)
    }

    private func refusal(_ step: Int) throws -> [String] {
        let error = try #require(store.latestGood().refused.first)
        #expect(error.file == store.folder(ofStep: step).path)
        #expect(error.remedy == "Delete the folder, or restore it from a copy.")
        return error.problems
    }

    @Test func damageIsNamedAndThePreviousUsed() throws {
        try save(10)
        try save(20)
        let newest = store.folder(ofStep: 20)
        func file(_ name: String) -> URL { newest.appendingPathComponent(name) }

        try damage(20, "model.safetensors")
        #expect(
            try refusal(20)
                == ["model.safetensors is damaged: its SHA-256 differs from the manifest's"])
        #expect(try latestStep() == 10)

        try Data("{".utf8).write(to: file("config.json"))
        try FileManager.default.removeItem(at: file("state.json"))
        try Data().write(to: file("extra"))
        #expect(
            try refusal(20) == [
                "config.json has 1 bytes instead of 3",
                "model.safetensors is damaged: its SHA-256 differs from the manifest's",
                "state.json is missing", "extra is not in the manifest",
            ])

        try Data("{}".utf8).write(to: file("manifest.json"))
        #expect(try refusal(20) == ["manifest.json is damaged: its version is not 1"])
        try Data(#"{"version":1,"step":20,"files":{}}"#.utf8).write(to: file("manifest.json"))
        #expect(try refusal(20) == ["manifest.json is damaged: it is not as it was written"])
        try Data("{".utf8).write(to: file("manifest.json"))
        #expect(try refusal(20) == ["manifest.json is damaged: a key is expected"])
        try Data(#"{"version":1,"step":20,"files":{"../x":{}}}"#.utf8)
            .write(to: file("manifest.json"))
        #expect(
            try refusal(20)
                == ["manifest.json is damaged: \"../x\" is not a file inside the checkpoint"])
        try FileManager.default.removeItem(at: file("manifest.json"))
        #expect(
            try refusal(20) == ["manifest.json is missing, so its saving was never completed"])
        #expect(try latestStep() == 10)
    }

    @Test func aRenamedCheckpointIsRefused() throws {
        try save(10)
        try FileManager.default.moveItem(
            at: store.folder(ofStep: 10), to: store.folder(ofStep: 11))
        #expect(try refusal(11) == ["manifest.json is of step 10"])
    }

    @Test func everyRefusalIsReported() throws {
        for step in [10, 20, 30] { try save(step) }
        for step in [10, 20, 30] { try damage(step, "state.json") }
        let (checkpoint, refused) = store.latestGood()
        #expect(checkpoint == nil)
        #expect(refused.map(\.file) == [30, 20, 10].map { store.folder(ofStep: $0).path })
    }

    @Test(
        "any truncation, any flipped bit, any deleted file is noticed", arguments: [UInt64](1...8))
    func corruption(seed: UInt64) throws {
        try save(10)
        try save(20)
        let newest = store.folder(ofStep: 20)
        let files = ["config.json", "manifest.json", "model.safetensors", "state.json"]
        var random = SplitMix(seed: seed)
        for name in files {
            let url = newest.appendingPathComponent(name)
            let whole = try Data(contentsOf: url)
            var broken: [Data?] = [nil, Data(), whole + Data([0])]
            for _ in 0..<12 {
                broken.append(whole.prefix(.random(in: 0..<whole.count, using: &random)))
            }
            for _ in 0..<40 {
                var data = whole
                data[Int.random(in: 0..<whole.count, using: &random)] ^=
                    1 << UInt8.random(in: 0..<8, using: &random)
                broken.append(data)
            }
            for data in broken {
                if let data {
                    try data.write(to: url)
                } else {
                    try FileManager.default.removeItem(at: url)
                }
                let (checkpoint, refused) = store.latestGood()
                #expect(checkpoint?.step == 10)
                #expect(refused.count == 1)
            }
            try whole.write(to: url)
        }
        #expect(try latestStep() == 20)
    }

    @Test func contentOfAnotherKindIsRefused() throws {
        try store.save(step: 1, keep: 1) { try $0.write("state.json", ["x": 1]) }
        let checkpoint = try #require(store.latestGood().checkpoint)
        let error = #expect(throws: CheckpointError.self) {
            try checkpoint.decode("state.json", as: State.self)
        }
        #expect(error?.problems == ["it does not have the expected content"])
    }
}
