import Foundation
import Testing

@Suite("--weights int8")
struct WeightsTests {
    @Test(
        "the quality of integers is measured at every region length",
        arguments: ["float32", "bfloat16"])
    func evaluate(dtype: String) throws {
        let pipeline = try Pipeline.get()
        func rows(_ options: String...) throws -> [[String: Any]] {
            let result = try Program.run(
                [
                    "evaluate", "runs/run", "--data", "data", "--share", "qk:0,2", "--batches", "3",
                    "--dtype", dtype, "--json",
                ] + options, in: pipeline.folder)
            #expect(result.errors == "")
            return try objects(result.output)
        }
        let (floats, integers) = (try rows(), try rows("--weights", "int8"))
        #expect(floats.map { $0["weights"] as? String } == [dtype, dtype])
        #expect(integers.map { $0["weights"] as? String } == ["int8", "int8"])
        #expect(integers.map { $0["share"] as? String } == ["none", "qk:2"])
        for (float, integer) in zip(floats, integers) {
            let (a, b) = (
                try #require(float["loss"] as? Double), try #require(integer["loss"] as? Double)
            )
            // A weight is off by a 254th of its block's largest: of loss it makes next to nothing.
            #expect(abs(a - b) < 1e-3)
            #expect(a != b)
        }
    }

    @Test("tasks are scored and timed with integers, and the record says so")
    func tasks() throws {
        let pipeline = try Pipeline.get()
        // A copy: other tests read the table that is kept beside the run's checkpoint.
        let folder = pipeline.folder.appending(path: "int8 tasks")
        try FileManager.default.copyItem(
            at: pipeline.folder.appending(path: "runs/run/checkpoints/step-00000006"), to: folder)
        let input = pipeline.folder.appending(path: "int8 input")
        try FileManager.default.createDirectory(at: input, withIntermediateDirectories: true)
        try Data("tasks: [{name: whole, kind: rolling_perplexity, data: whole.jsonl}]".utf8)
            .write(to: input.appending(path: "tasks.yaml"))
        try Data(#"{"text": "value_1 = 2"}"#.utf8)
            .write(to: input.appending(path: "whole.jsonl"))
        let result = try pipeline.run(
            "evaluate", "int8 tasks", "--tasks", "int8 input/tasks.yaml", "--share", "qk:0,2",
            "--weights", "int8", "--json", "--output", "int8 input")
        #expect(result.status == 0, "\(result.errors)")
        let rows = try objects(result.output)
        #expect(rows.count == 2)
        #expect(rows.allSatisfy { $0["tokens_per_second"] as? Double ?? 0 > 0 })
        let record = try JSONSerialization.jsonObject(
            with: Data(contentsOf: input.appending(path: "evaluation.json")))
        #expect((record as? [String: Any])?["weights"] as? String == "int8")
        #expect((record as? [String: Any])?["dtype"] as? String == "float32")
    }

    @Test("texts are the same each time", arguments: ["float32", "bfloat16"])
    func generate(dtype: String) throws {
        let pipeline = try Pipeline.get()
        func tokens() throws -> [Int] {
            let result = try pipeline.run(
                "generate", "runs/run", "--prompt", "value_1", "--max-tokens", "12", "--share",
                "qk:2", "--dtype", dtype, "--weights", "int8", "--json")
            #expect(result.status == 0, "\(result.errors)")
            return try #require(objects(result.output)[0]["tokens"] as? [Int])
        }
        let first = try tokens()
        #expect(!first.isEmpty)
        #expect(try tokens() == first)
    }

    @Test func theBenchmarkDecodesWithThem() throws {
        let result = try Program.run([
            "benchmark", "decode", "--model", "tiny", "--sequence", "8", "--tokens", "4", "--steps",
            "1", "--share", "qk:0,1", "--weights", "int8", "--json",
        ])
        #expect(result.errors == "")
        let rows = try objects(result.output)
        #expect(rows.map { $0["share"] as? String } == ["none", "qk:1"])
        for row in rows {
            #expect(row["weights"] as? String == "int8")
            #expect(row["dtype"] as? String == "bfloat16")
            #expect(row["tokens_per_second"] as? Double ?? 0 > 0)
        }
    }

    @Test("weights that are not finite are refused in one sentence")
    func notFinite() throws {
        let folder = TestFolder.shared.appending(path: "weights \(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try ModelFiles().write(to: folder)
        let arguments = [
            "generate", folder.path, "--prompt", "ab", "--max-tokens", "2", "--weights", "int8",
        ]
        #expect(try Program.run(arguments).status == 0)
        // Every number of the file becomes one that is none.
        let file = folder.appending(path: "model.safetensors")
        var bytes = [UInt8](try Data(contentsOf: file))
        let header = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        for index in 8 + header..<bytes.count {
            bytes[index] = [0, 0, 0xC0, 0x7F][(index - 8 - header) % 4]
        }
        try Data(bytes).write(to: file)
        let result = try Program.run(arguments)
        #expect(result.status == 1)
        #expect(result.output == "")
        #expect(
            result.errors
                == "Error: \(folder.path): tensor \"model.layers.0.self_attn.q_proj.weight\" has an "
                + "element that is not a finite number (row 0, column 0), for which int8 has no "
                + "place. Use weights that are finite, or leave --weights int8 out.\n")
    }

    @Test(
        "other formats are wrong usage",
        arguments: [
            Mistake(
                "generate", "x", "--prompt", "y", "--weights", "int4",
                says: "The value 'int4' is invalid for '--weights <type>'"),
            Mistake(
                "inspect", "x", "--tokens", "1,2", "--output", "y", "--gradients", "--weights",
                "int8",
                says: "--gradients are those of the float32 weights. Leave --weights out."),
            Mistake("probe", "x", "--data", "y", "--weights", "int8", says: "Unknown option"),
        ])
    func usage(mistake: Mistake) throws {
        let result = try Program.run(mistake.arguments)
        #expect(result.status == 64)
        #expect(result.output == "")
        #expect(result.errors.contains(mistake.message), "\(result.errors)")
    }
}
