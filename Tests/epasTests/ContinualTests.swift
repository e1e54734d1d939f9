import EPASArray
import EPASCheckpoint
import EPASModel
import Foundation
import Testing

@Suite("training a model folder on")
struct ContinualTests {
    private let pipeline: Pipeline

    init() throws {
        pipeline = try Pipeline.get()
    }

    private func path(_ name: String) -> URL { pipeline.folder.appending(path: name) }

    /// Writes a model with every bias, two of whose tokens end a text.
    private func writeBase(_ name: String) throws -> ModelConfig {
        let model = try ModelConfig(
            layers: 3, width: 16, heads: 4, keyValueHeads: 2, feedForward: 24, vocabulary: 290,
            attentionBias: true, feedForwardBias: true, maximumSequence: 32)
        var arrays: [String: HostArray] = [:]
        for parameter in model.parameters {
            // Biases of zero would not show that they are read.
            arrays[parameter.name] =
                parameter.role == .bias
                ? HostArray(
                    (0..<parameter.elementCount).map { 0.1 * Float($0 % 5 - 2) },
                    parameter.dimensions)
                : model.initialValue(of: parameter, seed: 3)
        }
        let folder = path(name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try SafetensorsWriter.write(arrays, to: folder.appending(path: "model.safetensors"))
        let config = HuggingFaceConfig(model, beginningOfSequence: 1, endOfSequence: [2])
        try Data(config.json.utf8).write(to: folder.appending(path: "config.json"))
        try Data(#"{"eos_token_id": [2, 7]}"#.utf8)
            .write(to: folder.appending(path: "generation_config.json"))
        return model
    }

    private func train(_ base: String, _ output: String, _ more: String...) throws
        -> Program.Result
    {
        try Program.run(
            [
                "train", "run.yaml", "--output", output, "--set", "model={from: \(base)}", "--set",
                "sharing={kind: qk, target: 1, interval: 1}", "--set", "training.steps=4", "--set",
                "training.learning_rate.peak=0.01", "--set", "validation.lengths=[0, full]",
                "--set", "checkpoint.every=2",
            ] + more, in: pipeline.folder)
    }

    private func bytes(_ file: SafetensorsFile, _ name: String) throws -> [UInt8] {
        try file.array(name).withUnsafeBytes { Array($0) }
    }

    private func logits(_ folder: String) throws -> [UInt8] {
        let result = try pipeline.run(
            "inspect", folder, "--tokens", "1,20,30,40,50", "--output", "logits.safetensors")
        #expect(result.errors == "")
        return try bytes(SafetensorsFile(path("logits.safetensors")), "logits")
    }

    @Test("biases are trained, continued bit for bit, and exported")
    func biases() throws {
        let model = try writeBase("biased base")
        let whole = try train("biased base", "runs/biased")
        #expect(whole.status == 0, "\(whole.errors)")
        // The same run as if it had ended after step 2.
        try FileManager.default.copyItem(at: path("runs/biased"), to: path("runs/resumed"))
        try FileManager.default.removeItem(at: path("runs/resumed/checkpoints/step-00000004"))
        let resumed = try train("biased base", "runs/resumed", "--resume")
        #expect(resumed.status == 0, "\(resumed.errors)")
        #expect(resumed.errors.contains("Continuing after step 2"))

        func weights(_ run: String, _ step: Int) throws -> SafetensorsFile {
            try SafetensorsFile(
                path("runs/\(run)/checkpoints/step-0000000\(step)/model.safetensors"))
        }
        let start = try SafetensorsFile(path("biased base/model.safetensors"))
        let (early, late) = (try weights("biased", 2), try weights("biased", 4))
        let continued = try weights("resumed", 4)
        let idle = model.idleParameters(
            under: try SharingPlan(.queryKey, sharing: [2], layers: 3))
        #expect(idle.count == 4)
        for parameter in model.parameters {
            let name = parameter.name
            #expect(try bytes(continued, name) == bytes(late, name), "\(name)")
            // The last layer shares from step 2 on; its projections were trained in step 1.
            #expect(try bytes(late, name) != bytes(start, name), "\(name)")
            #expect(
                try (bytes(late, name) == bytes(early, name)) == idle.contains(name), "\(name)")
        }

        let exported = try pipeline.run("export", "runs/resumed", "--output", "biased export")
        #expect(exported.status == 0, "\(exported.errors)")
        let folder = try ModelFolder(path("biased export"))
        #expect(folder.config == model)
        let file = try SafetensorsFile(path("biased export/model.safetensors"))
        for parameter in model.parameters {
            #expect(try bytes(file, parameter.name) == bytes(late, parameter.name))
        }
        #expect(try logits("biased export") == logits("runs/biased"))
        // The tokens that end a text are the tokenizer's and those that the base had besides.
        #expect(folder.endOfSequence == [2, 7])
        #expect(folder.description.endOfSequence == [2, 7])
    }

    @Test("generation ends at every token that the folder says")
    func endTokens() throws {
        _ = try writeBase("ending base")
        for file in ["tokenizer.model", "tokenizer.json"] {
            try FileManager.default.copyItem(
                at: path("data/tokenizer/\(file)"), to: path("ending base/\(file)"))
        }
        func tokens() throws -> [Int] {
            let result = try pipeline.run(
                "generate", "ending base", "--prompt", "value", "--max-tokens", "8", "--json")
            #expect(result.errors == "")
            return try #require(objects(result.output)[0]["tokens"] as? [Int])
        }
        let free = try tokens()
        #expect(free.count == 8)
        let end = free[3]
        for text in ["\(end)", "[289, \(end)]"] {
            try Data("{\"eos_token_id\": \(text)}".utf8)
                .write(to: path("ending base/generation_config.json"))
            #expect(try tokens() == Array(free.prefix { $0 != end }))
        }
    }

    @Test("sequences beyond the model's longest are measured, with a note")
    func longSequences() throws {
        _ = try writeBase("short base")
        let note =
            "Note: 40 tokens are more than the model's longest sequence, 32; it has not learned the "
            + "positions beyond.\n"
        let tokens = (1...40).map(String.init).joined(separator: ",")
        let inspected = try pipeline.run(
            "inspect", "short base", "--tokens", tokens, "--output", "long.safetensors")
        #expect(inspected.status == 0)
        #expect(inspected.errors == note)
        let evaluated = try pipeline.run(
            "evaluate", "short base", "--data", "data", "--sequence", "40", "--batches", "1")
        #expect(evaluated.status == 0)
        #expect(evaluated.errors == note)
    }
}
