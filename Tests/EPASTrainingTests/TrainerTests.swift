import EPASCheckpoint
import EPASConfig
import EPASRuntime
import EPASTesting
import EPASTraining
import Foundation
import Testing

// One after the other, so that each finds the programs that the first has compiled.
@Suite("Training run", .serialized)
struct TrainerTests {
    static let milestones = [
        "step 1", "step 2", "saved 2", "step 3", "none after 3", "qk:2 after 3", "step 4",
        "saved 4", "step 5", "step 6", "none after 6", "qk:2 after 6", "saved 6",
    ]

    /// The outcome of an undisturbed run with the settings.
    static func outcome(_ settings: [String] = []) throws -> [String: Data] {
        let run = TinyRun(settings)
        try run.train()
        return try run.outcome()
    }

    static let undisturbed = Result { try outcome() }

    @Test("steps, validations and saves come in their order, and the last checkpoints stay")
    func order() throws {
        let run = TinyRun()
        #expect(try run.train() == .finished)
        #expect(run.milestones == Self.milestones)
        #expect(run.notices == [])
        guard case .compiling(share: "none") = run.events.first else {
            Issue.record("the first event is \(String(describing: run.events.first))")
            return
        }
        #expect(try run.checkpoints == ["step-00000004", "step-00000006"])
        let shares = run.events.compactMap { event in
            if case .stepped(let record) = event { record.share } else { nil }
        }
        #expect(shares == ["none", "none", "qk:1", "qk:1", "qk:2", "qk:2"])
    }

    @Test("a finished run has nothing left to do")
    func finishedTwice() throws {
        let run = TinyRun()
        try run.train()
        #expect(try run.train(resuming: true) == .finished)
        #expect(run.milestones == [])
        #expect(
            run.notices == ["Continuing after step 6 from \(run.checkpoint(6).path)"])
        #expect(try run.outcome() == Self.undisturbed.get())
    }

    @Test("a run ended by a signal after any event continues exactly", arguments: 0..<12)
    func interruption(count: Int) throws {
        let run = TinyRun()
        let ending = try run.train { $0 >= count }
        #expect(ending == .interrupted(signal: SIGTERM))
        // What the signal came too late for: a save is made after it, and only where one is due.
        let before = Array(run.milestones.prefix(count))
        #expect(before == Array(Self.milestones.prefix(count)))
        let steps = run.milestones.count { $0.hasPrefix("step") }
        let saved = run.milestones.last { $0.hasPrefix("saved") }
        #expect(saved == (steps == 0 ? nil : "saved \(steps)"))
        #expect(try run.train(resuming: true) == .finished)
        #expect(try run.outcome() == Self.undisturbed.get())
    }

    @Test(
        "a run continues exactly with other activations computed again",
        arguments: ["attention", "layer"])
    func otherRematerialization(mode: String) throws {
        let run = TinyRun()
        try run.train { $0 >= 3 }
        run.settings = ["training.rematerialization=\(mode)"]
        #expect(try run.train(resuming: true) == .finished)
        #expect(try run.outcome() == Self.undisturbed.get())
    }

    @Test("what a step needs is said before the first one, and again only if it becomes more")
    func memory() throws {
        let run = TinyRun()
        try run.train()
        guard case .memory(let first) = run.events.dropFirst().first else {
            Issue.record("the second event is \(String(describing: run.events.dropFirst().first))")
            return
        }
        // 290 · 8 of the embedding, 3 layers of 4 · 64 + 3 · 96 + 16, and a norm, in float32 with
        // two moments.
        #expect(first.state == 3 * 4 * (290 * 8 + 3 * 560 + 8))
        let temporary = run.events.compactMap { event in
            if case .memory(let memory) = event { memory.temporary } else { nil }
        }
        #expect(zip(temporary, temporary.dropFirst()).allSatisfy { $0 < $1 })
        #expect(temporary[0] > 0)
    }

    @Test("signal after signal, the run still gets to the same end", arguments: [1, 2, 3, 5])
    func manyInterruptions(stride: Int) throws {
        let settings = ["training.accumulation=2", "training.precision=bfloat16"]
        let run = TinyRun(settings)
        var ending = try run.train { $0 >= stride }
        for _ in 0..<60 where ending != .finished {
            ending = try run.train(resuming: true) { $0 >= stride }
        }
        #expect(ending == .finished)
        #expect(try run.outcome() == Self.outcome(settings))
    }

    @Test(
        "checkpoint.keep checkpoints stay", arguments: [(1, [6]), (3, [2, 4, 6]), (9, [2, 4, 6])])
    func retention(keep: Int, steps: [Int]) throws {
        let run = TinyRun(["checkpoint.keep=\(keep)"])
        try run.train()
        #expect(try run.checkpoints == steps.map { "step-0000000\($0)" })
    }

    @Test("with 0, validations and saves come at the end only")
    func onlyAtTheEnd() throws {
        let run = TinyRun(["validation.every=0", "checkpoint.every=0"])
        try run.train()
        #expect(
            run.milestones == (1...6).map { "step \($0)" }
                + ["none after 6", "qk:2 after 6", "saved 6"])
    }

    @Test("the run continues from the last good checkpoint and says so")
    func fallback() throws {
        let run = TinyRun()
        try run.train()
        try run.damage(6, "optimizer.safetensors")
        try run.train(resuming: true)
        try #require(run.notices.count == 2)
        #expect(
            run.notices[0]
                == "Not used: \(run.checkpoint(6).path): optimizer.safetensors is damaged: its "
                + "SHA-256 differs from the manifest's. Delete the folder, or restore it from a "
                + "copy.")
        #expect(run.notices[1] == "Continuing after step 4 from \(run.checkpoint(4).path)")
        #expect(try run.outcome() == Self.undisturbed.get())
    }

    @Test("without a good checkpoint there is nothing to continue")
    func allDamaged() throws {
        let run = TinyRun()
        try run.train()
        try run.damage(6, "model.safetensors")
        try run.damage(4, "manifest.json")
        let error = #expect(throws: CheckpointError.self) { try run.train(resuming: true) }
        #expect(
            error?.description
                == "\(run.folder.path): none of the run's checkpoints can be used. Restore one "
                + "from a copy, or delete the folder and start anew.")
    }

    @Test("resuming without a checkpoint starts anew and says so")
    func nothingToResume() throws {
        let run = TinyRun()
        try run.train(resuming: true)
        #expect(
            run.notices == ["There is no checkpoint to continue from; the run starts anew."])
        #expect(try run.outcome() == Self.undisturbed.get())
    }

    @Test("a folder with checkpoints is not trained in anew")
    func occupied() throws {
        let run = TinyRun()
        try run.train()
        let error = #expect(throws: CheckpointError.self) { try run.train() }
        #expect(
            error?.description
                == "\(run.folder.path): the run folder has checkpoints of an earlier run. "
                + "Continue it with --resume, or choose another folder with --output.")
    }

    @Test("one trainer at a time")
    func locked() throws {
        let run = TinyRun()
        let first = try run.open()
        let error = #expect(throws: CheckpointError.self) { try run.open() }
        #expect(error?.problems == ["another process is training in this run folder"])
        withExtendedLifetime(first) {}
    }

    @Test(
        "a checkpoint is not continued under other settings",
        arguments: [
            ("training.seed=2", "training.seed was 1 and is 2"),
            ("training.batch=4", "training.batch was 2 and is 4"),
            ("training.sequence=4", "training.sequence was 8 and is 4"),
            ("training.accumulation=2", "training.accumulation was 1 and is 2"),
            ("training.precision=bfloat16", "training.precision was float32 and is bfloat16"),
            (
                "sharing.kind=kv",
                "sharing was qk:2, growth 1, interval 2, first_switch 2 and is kv:2, growth 1, "
                    + "interval 2, first_switch 2"
            ),
            (
                "sharing=null",
                "sharing was qk:2, growth 1, interval 2, first_switch 2 and is none"
            ),
        ])
    func otherSettings(setting: String, difference: String) throws {
        let run = TinyRun()
        try run.train { $0 > 2 }
        let step = try #require(try run.checkpoints.last)
        run.settings = [setting]
        if setting == "sharing=null" { run.settings.append("validation.lengths=[0]") }
        let error = #expect(throws: CheckpointError.self) { try run.train(resuming: true) }
        #expect(
            error?.description
                == "\(run.folder.path)/checkpoints/\(step): \(difference). Continue with the "
                + "settings it was saved with, or start a new run with --output.")
    }

    @Test("a checkpoint is not continued on other data")
    func otherData() throws {
        let run = TinyRun()
        try run.train()
        let other = try TinyRun.prepare(
            "other-\(UUID().uuidString)", seed: 2, validationFraction: 0)
        run.settings = ["data.path=\(other.path)"]
        let error = #expect(throws: CheckpointError.self) { try run.train(resuming: true) }
        #expect(error?.problems.contains { $0.hasPrefix("data was train:") } == true)
        let fresh = TinyRun(run.settings)
        try fresh.train()
        #expect(
            fresh.notices == ["The data has no validation split, so nothing is validated."])
        #expect(fresh.milestones == Self.milestones.filter { !$0.contains("after") })
    }

    @Test("a step that is not finite stops the run, which repeats it when resumed")
    func notFinite() throws {
        // The decay alone multiplies every matrix by -99 each step.
        let run = TinyRun([
            "training.steps=60", "training.weight_decay=10",
            "training.learning_rate={schedule: constant, peak: 10, warmup: 0}",
        ])
        let error = try #require(#expect(throws: TrainingError.self) { try run.train() })
        guard case .notFinite(let step, let loss, let norm) = error else { return }
        #expect(!loss.isFinite || !norm.isFinite)
        #expect(
            error.description
                == "Step \(step) was not applied and the run has stopped, because its loss is "
                + "\(loss) and its gradient norm \(norm). Lower training.learning_rate.peak or "
                + "check the data, then resume from the last checkpoint.")
        let records = try MetricsLog.records(in: run.folder)
        guard case .training(let last)? = records.last else {
            Issue.record("the last record is not of a step")
            return
        }
        #expect(last.step == step)
        #expect((last.loss == nil) == !loss.isFinite)
        #expect((last.gradientNorm == nil) == !norm.isFinite)
        let saved = try run.checkpoints
        #expect(try #require(saved.last) == "step-0000000\((step - 1) / 2 * 2)")
        let again = try #require(
            #expect(throws: TrainingError.self) { try run.train(resuming: true) })
        #expect(again.description == error.description)
        #expect(try run.checkpoints == saved)
    }

    @Test("lost metrics are said, and the run goes on")
    func lostMetrics() throws {
        let run = TinyRun()
        try run.train()
        try FileManager.default.removeItem(at: run.checkpoint(6))
        try Data().write(to: run.folder.appending(path: "metrics.jsonl"))
        try FileManager.default.removeItem(at: run.folder.appending(path: "run.yaml"))
        try run.train(resuming: true)
        #expect(
            run.notices.last
                == "metrics.jsonl lacks 4 of the 4 steps before the checkpoint; they are not "
                + "written again.")
        #expect(run.milestones == ["step 5", "step 6", "none after 6", "qk:2 after 6", "saved 6"])
        let weights = try Data(contentsOf: run.checkpoint(6).appending(path: "model.safetensors"))
        #expect(try weights == Self.undisturbed.get()["model.safetensors"])
        let config = try RunConfig.load(run.folder.appending(path: "run.yaml"), overrides: [])
        #expect(try config == run.config())
    }

    @Test("a run gives back every device object")
    func liveObjects() throws {
        let live: LiveObjects
        do {
            let client = try Client(Plugin.load(.cpu))
            live = client.liveObjects
            let run = TinyRun()
            let trainer = try run.open(client: client)
            #expect(live.count(of: .buffer) > 0)
            #expect(try trainer.run() == .finished)
        }
        // The thread that compiled last may still be on its way out.
        for _ in 0..<500 where live.total > 0 { usleep(10_000) }
        #expect(live.total == 0)
    }
}
