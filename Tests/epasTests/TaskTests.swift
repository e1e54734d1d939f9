import Foundation
import Testing

@Suite("evaluate on tasks")
struct TaskTests {
    static let tasks = """
        tasks:
          - {name: choice, kind: multiple_choice, data: choice.jsonl, text: "{{question}}"}
          - {name: last, kind: last_word, data: text.jsonl}
          - {name: whole, kind: rolling_perplexity, data: text.jsonl, limit: 2}
        """

    let pipeline: Pipeline
    let folder: URL

    /// Task files in a folder of the pipeline's, made once.
    private static let written = Swift.Result {
        let folder = try Pipeline.get().folder.appending(path: "tasks")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        func write(_ name: String, _ text: String) throws {
            try Data(text.utf8).write(to: folder.appending(path: name))
        }
        try write("tasks.yaml", tasks)
        try write(
            "choice.jsonl",
            (0..<6).map {
                #"{"question": "value_\#($0) =", "choices": ["layer.\#($0)", "x"], "gold": 0}"#
            }.joined(separator: "\n"))
        let long = String(repeating: "value_3 = layer.5 + 7 ", count: 20) + "end"
        try write(
            "text.jsonl",
            [long, "value_1 = layer.2", "one"].map { #"{"text": "\#($0)"}"# }
                .joined(separator: "\n"))
        try write("broken.yaml", "tasks: [{name: a, kind: last_word, data: broken.jsonl}]")
        try write("broken.jsonl", "{\"text\": \"a b\"}\n{\"txt\": 1}")
        return folder
    }

    init() throws {
        pipeline = try Pipeline.get()
        folder = try Self.written.get()
    }

    @Test("figures of every task and length, a recommendation, and what is kept")
    func evaluate() throws {
        let result = try pipeline.run(
            "evaluate", "runs/run", "--tasks", "tasks/tasks.yaml", "--share", "qk:0,1,2", "--json",
            "--output", "measured", "--at-most-below", "1000", "--cache-within", "1")
        #expect(result.status == 0, "\(result.errors)")
        let rows = try objects(result.output)
        #expect(
            rows.compactMap { $0["share"] as? String }
                == ["none", "qk:1", "qk:2"].flatMap { [$0, $0, $0] })
        #expect(rows[0..<3].map { $0["task"] as? String } == ["choice", "last", "whole"])
        #expect(rows[0..<3].map { $0["items"] as? Int } == [6, 3, 2])
        for row in rows[0..<9] {
            let figures =
                switch row["kind"] as? String {
                case "multiple_choice": ["acc", "acc_norm", "acc_bytes"]
                case "last_word": ["acc", "perplexity"]
                default: ["word_perplexity", "byte_perplexity", "bits_per_byte"]
                }
            for figure in figures {
                #expect(row[figure] is Double || row[figure] is Int)
                let hasError = figures[0] == "acc"
                #expect((row[figure + "_stderr"] is NSNull) == !hasError)
            }
        }
        #expect(rows[0..<9].allSatisfy { ($0["tokens_per_second"] as? Double ?? 0) > 0 })
        // 4 layers, 2 heads of 8 numbers, float32.
        #expect(
            [0, 3, 6].map { rows[$0]["cache_bytes_per_token"] as? Int }
                == [8, 7, 6].map { $0 * 16 * 4 })
        #expect(Set(rows[0..<9].compactMap { $0["perplexity"] as? Double }).count == 3)
        #expect(rows[9]["recommended_share"] as? String == "qk:2")

        let measured = pipeline.folder.appending(path: "measured")
        let file = try Data(contentsOf: measured.appending(path: "evaluation.json"))
        let kept = try Data(
            contentsOf: pipeline.folder.appending(
                path: "runs/run/checkpoints/step-00000006/epas-evaluation.json"))
        let object = try #require(
            JSONSerialization.jsonObject(with: file) as? [String: Any])
        #expect((object["rows"] as? [Any])?.count == 3)
        #expect(object["sequence"] as? Int == 64)
        let other = try #require(
            JSONSerialization.jsonObject(with: kept) as? [String: Any])
        #expect((other["rows"] as? [Any]) != nil)
        #expect(
            FileManager.default.fileExists(
                atPath: measured.appending(path: "evaluation.svg").path))

        // The checkpoint can still be used.
        let again = try pipeline.run(
            "evaluate", "runs/run", "--data", "data", "--batches", "1", "--json")
        #expect(again.status == 0, "\(again.errors)")
        #expect(again.errors == "")
    }

    @Test("a table per task, and a word about texts that were cut")
    func tables() throws {
        let result = try pipeline.run(
            "evaluate", "runs/run", "--tasks", "tasks/tasks.yaml", "--share", "qk:0,2",
            "--at-most-below", "0", "--cache-within", "0", "--context", "5", "--no-speed")
        #expect(result.status == 0, "\(result.errors)")
        let lines = result.output.components(separatedBy: "\n")
        #expect(lines[0] == "choice: 6 items")
        #expect(lines[1].hasPrefix("share  "))
        #expect(lines[2].hasPrefix("none   ") && lines[2].contains(" ± "))
        #expect(lines[3].hasPrefix("qk:2   ") && lines[3].hasSuffix(" %"))
        #expect(lines.contains("last: 3 items"))
        #expect(lines.contains("share   cache bytes per token"))
        #expect(
            lines.dropLast().last?.hasPrefix(
                "No measured region reaches every target; even none does")
                == true)
        #expect(
            result.errors.contains(
                "last: texts that lost their beginning, as the model's longest input is shorter: 1\n"
            ))
    }

    @Test(
        "mistakes",
        arguments: [
            (
                64, ["evaluate", "runs/run"],
                "Give either --data, a folder of prepared data, or --tasks, a file of tasks."
            ),
            (
                64, ["evaluate", "runs/run", "--data", "x", "--tasks", "y"],
                "Give either --data, a folder of prepared data, or --tasks, a file of tasks."
            ),
            (
                64, ["evaluate", "runs/run", "--data", "data", "--output", "x"],
                "--output and the targets of a recommendation need --tasks."
            ),
            (
                1,
                [
                    "evaluate", "runs/run", "--tasks", "tasks/tasks.yaml", "--no-speed",
                    "--at-least-tokens-per-second", "5",
                ],
                "--at-least-tokens-per-second needs measured speeds. Leave --no-speed out."
            ),
            (
                64, ["evaluate", "runs/run", "--tasks", "y", "--at-most-below", "nan"],
                "--at-most-below is nan. Use a number of 0 or more."
            ),
            (
                64, ["evaluate", "runs/run", "--tasks", "y", "--cache-within", "-1"],
                "--cache-within is -1.0. Use a number of 0 or more."
            ),
            (
                64, ["evaluate", "runs/run", "--tasks", "y", "--context", "9"],
                "--context needs --cache-within. Give both."
            ),
            (
                1, ["evaluate", "runs/run", "--tasks", "nothing.yaml"],
                "nothing.yaml: the task file FOLDER/nothing.yaml cannot be read. Name a readable YAML file."
            ),
            (
                1, ["evaluate", "runs/run", "--tasks", "tasks/broken.yaml"],
                "broken.jsonl, line 2: the field text is missing. Add it, or name another field in the task file."
            ),
            (
                1,
                ["evaluate", "runs/run", "--tasks", "tasks/tasks.yaml", "--sequence", "65"],
                "--sequence is 65, but the model's longest sequence is 64. Use that or less."
            ),
            (
                1,
                [
                    "evaluate", "runs/run", "--tasks", "tasks/tasks.yaml", "--share", "qk:1",
                    "--at-most-below", "1",
                ],
                "--at-most-below compares with no sharing. Add the length 0 to --share, such as qk:0,2,4."
            ),
        ])
    func mistakes(status: Int32, arguments: [String], message: String) throws {
        let result = try Program.run(arguments, in: pipeline.folder)
        #expect(result.status == status)
        #expect(result.output == "")
        let folder = pipeline.folder.path
        #expect(
            result.errors.contains(
                "Error: " + message.replacingOccurrences(of: "FOLDER", with: folder) + "\n"),
            "\(result.errors)")
    }
}
