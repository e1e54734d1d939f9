import EPASArray
import EPASCheckpoint
import EPASModel
import Foundation
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite("from text to a model that shares")
struct PipelineTests {
    private let pipeline: Pipeline

    init() throws {
        pipeline = try Pipeline.get()
    }

    private func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: pipeline.folder.appending(path: path).path)
    }

    @Test("train writes plain lines and its folder")
    func train() throws {
        #expect(pipeline.training.output == "")
        let lines = pipeline.training.errors.split(separator: "\n")
        #expect(!pipeline.training.errors.contains("\u{1b}"))
        for start in [
            "step 1/6  loss ", "step 2/6  loss ", "step 6/6  loss ", "step 3  validation loss ",
            "step 6  saved step-00000006", "Finished: ",
        ] {
            #expect(lines.contains { $0.hasPrefix(start) }, "\(start)")
        }
        #expect(lines.contains { $0.hasPrefix("step 5/6") && $0.hasSuffix("sharing qk:2") })
        for file in [
            "run.yaml", "metrics.jsonl", "checkpoints/step-00000003/manifest.json",
            "checkpoints/step-00000006/model.safetensors",
        ] {
            #expect(exists("runs/run/\(file)"))
        }
    }

    @Test("plan prints every stage, with data and before there is any")
    func plan() throws {
        let stages = try objects(pipeline.run("plan", "run.yaml", "--json").output)
        #expect(stages.map { $0["share"] as? String } == ["none", "qk:1", "qk:2"])
        #expect(stages.map { $0["first_step"] as? Int } == [1, 3, 5])
        #expect(stages.map { $0["last_step"] as? Int } == [2, 4, 6])
        #expect(stages.map { $0["sharing_layers"] as? [Int] } == [[], [3], [2, 3]])
        #expect(stages.allSatisfy { $0["flops_per_token"] as? Double ?? 0 > 0 })
        let text = try pipeline.run("plan", "run.yaml", "--set", "data.path=later")
        #expect(text.status == 0)
        #expect(
            text.output.contains(
                "There is no data at later yet; counted with a vocabulary of 1.\n"))
        #expect(text.output.contains("\n5-6      qk:2              2-3 "))
        let preset = try pipeline.run(
            "plan", "run.yaml", "--set", "data.path=later", "--set", "model={preset: 20m}")
        #expect(preset.output.contains("counted with a vocabulary of 8192."))
    }

    @Test("evaluate measures every region length", arguments: ["float32", "bfloat16"])
    func evaluate(dtype: String) throws {
        let result = try pipeline.run(
            "evaluate", "runs/run", "--data", "data", "--share", "qk:0,1,2", "--batches", "4",
            "--dtype", dtype, "--json")
        #expect(result.errors == "")
        let rows = try objects(result.output)
        #expect(rows.map { $0["share"] as? String } == ["none", "qk:1", "qk:2"])
        for row in rows {
            let loss = try #require(row["loss"] as? Double)
            let perplexity = try #require(row["perplexity"] as? Double)
            #expect(abs(log(perplexity) - loss) < 1e-9)
            #expect(row["tokens"] as? Int == 4 * 8 * 64)
            #expect(row["tokens_per_second"] as? Double ?? 0 > 0)
            // Training has begun to beat the uniform guess.
            #expect(loss < log(290))
        }
        #expect(Set(rows.map { $0["loss"] as? Double }).count == 3)
    }

    @Test("evaluate prints a table, and takes a checkpoint as well as its run")
    func evaluateTable() throws {
        let run = try pipeline.run(
            "evaluate", "runs/run", "--data", "data", "--batches", "1", "--share", "qk:3<1,2<1")
        let lines = run.output.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[0].hasPrefix("share   "))
        #expect(lines[1].hasPrefix("qk:2 "))
        let checkpoint = try pipeline.run(
            "evaluate", "runs/run/checkpoints/step-00000006", "--data", "data", "--batches", "1",
            "--share", "qk:2", "--json")
        let loss = try #require(objects(checkpoint.output)[0]["loss"] as? Double)
        #expect(lines[1].contains(String(format: " %.4f ", loss)))
    }

    @Test("a batch larger than the data is made smaller")
    func largeBatch() throws {
        let result = try pipeline.run(
            "evaluate", "runs/run", "--data", "data", "--batch", "5000", "--sequence", "64",
            "--json")
        #expect(result.status == 0, "\(result.errors)")
        #expect(try objects(result.output)[0]["tokens"] as? Int == 26_281 / 64 * 64)
    }

    @Test("generate repeats itself for a seed, and only for that")
    func generate() throws {
        func text(_ options: String...) throws -> String {
            let result = try Program.run(
                ["generate", "runs/run", "--prompt", "value_1", "--max-tokens", "12"] + options,
                in: pipeline.folder)
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.output.utf8.starts(with: "value_1".utf8))
            // By bytes: a carriage return before it would make one character with it.
            #expect(result.output.utf8.last == UInt8(ascii: "\n"))
            return result.output
        }
        #expect(try text() == text())
        #expect(try text("--temperature", "0", "--share", "qk:2") == text("--share", "qk:2"))
        let sampled = try text("--temperature", "1", "--seed", "1")
        #expect(try text("--temperature", "1", "--seed", "1") == sampled)
        #expect(try text("--temperature", "1", "--seed", "2") != sampled)
        // One candidate leaves nothing to chance.
        #expect(try text("--temperature", "1", "--seed", "3", "--top-k", "1") == text())
    }

    @Test("generate takes odd prompts and stops at the model's longest sequence")
    func generateBounds() throws {
        let long = try pipeline.run(
            "generate", "runs/run", "--prompt", "-x", "--max-tokens", "999999999999")
        #expect(long.status == 0)
        #expect(long.output.utf8.starts(with: "-x".utf8))
        #expect(long.errors == "Stopped at the model's longest sequence, 64 tokens.\n")
        let empty = try pipeline.run("generate", "runs/run", "--prompt", "", "--max-tokens", "1")
        #expect(empty.status == 0)
    }

    @Test("inspect writes every tensor", arguments: ["none", "qk:2", "kv:3<1", "scores:2"])
    func inspect(share: String) throws {
        let file = "inspected \(share.replacingOccurrences(of: "<", with: "-")).safetensors"
        let result = try pipeline.run(
            "inspect", "runs/run", "--tokens", "1,2,3; 4,5,6", "--gradients", "--share", share,
            "--output", file)
        #expect(result.status == 0, "\(result.errors)")
        let tensors = try SafetensorsFile(pipeline.folder.appending(path: file))
        let model = try ModelFolder(
            pipeline.folder.appending(path: "runs/run/checkpoints/step-00000006")
        ).config
        let gradients = model.parameters.map { "grad.\($0.name)" }
        #expect(Set(tensors.names) == Set(["loss", "logits"] + gradients))
        for parameter in model.parameters {
            #expect(
                try tensors.array("grad.\(parameter.name)").shape == parameter.shape(.float32))
        }
        #expect(try tensors.array("logits").shape == Shape(.float32, [2, 3, 290]))
        let loss = try tensors.array("loss")
        #expect(loss.shape == Shape(.float32, [1]))
        #expect(result.output == "loss \(loss.elements(as: Float.self)[0])\n")
    }

    @Test("report compares runs, and leaves a plot and a JSON file")
    func report() throws {
        let result = try pipeline.run(
            "report", "runs/run", "runs/run", "--data", "data", "--share", "qk:0,2", "--batches",
            "1", "--output", "report")
        #expect(result.status == 0, "\(result.errors)")
        let header = "share   MFLOPs per token   run: loss   tokens/s   run: loss   tokens/s"
        #expect(result.output.contains("\n\(header)\n"))
        let folder = pipeline.folder.appending(path: "report")
        let svg = XMLParser(data: try Data(contentsOf: folder.appending(path: "loss.svg")))
        let counts = ElementCounts()
        svg.delegate = counts
        #expect(svg.parse())
        #expect(counts.byName["svg"] == 1)
        #expect(counts.byName["polyline"] == 2)
        // Validations without sharing, after steps 3 and 6.
        #expect(counts.byName["circle"] == 4)
        let json = try JSONSerialization.jsonObject(
            with: Data(contentsOf: folder.appending(path: "report.json")))
        let reports = try #require(json as? [[String: Any]])
        #expect(reports.count == 2)
        #expect(reports[0]["steps"] as? Int == 6)
        #expect(reports[0]["tokens"] as? Int == 6 * 2 * 16)
        #expect((reports[0]["rows"] as? [[String: Any]])?.count == 2)
    }

    @Test("flops counts a checkpoint's model")
    func flops() throws {
        let rows = try objects(
            pipeline.run("flops", "runs/run", "--sequence", "16", "--json").output)
        let stages = try objects(pipeline.run("plan", "run.yaml", "--json").output)
        #expect(rows[0]["flops_per_token"] as? Double == stages[0]["flops_per_token"] as? Double)
    }
}

private final class ElementCounts: NSObject, XMLParserDelegate {
    private(set) var byName: [String: Int] = [:]

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
        qualifiedName: String?, attributes: [String: String]
    ) {
        byName[name, default: 0] += 1
    }
}
