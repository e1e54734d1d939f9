import BasicContainers
import EPASArray
import EPASConfig
import EPASModel
import EPASRuntime
import EPASTesting
import EPASTokenizer
import Foundation
import Testing

@testable import EPASEvaluation

@Suite("Figures of tasks")
struct TaskEvaluationTests {
    static let tasks = """
        tasks:
          - name: choice
            kind: multiple_choice
            data: choice.jsonl
            text: "{{q}}:"
            choices: answer.options
            gold: answer.right
          - {name: last, kind: last_word, data: texts.jsonl}
          - {name: target, kind: last_word, data: texts.jsonl, text: "{{text}}", target: " {{n}}", limit: 2}
          - {name: whole, kind: rolling_perplexity, data: texts.jsonl}
        """
    static let choices = """
        {"q": "ab", "answer": {"options": ["cd", "é", "the"], "right": 1}}

        {"q": "which", "answer": {"options": ["no", "yes"], "right": "yes"}}
        {"q": "longer than the model can take in", "answer": {"options": ["x", "yy"], "right": 0}}
        """
    static let texts = """
        {"text": "one two", "n": 5}
        {"text": "a text of more tokens than fit in", "n": 17}
        {"text": "x", "n": 1}
        """

    private func evaluation(
        _ model: ModelConfig, _ plans: [SharingPlan], tasks: String = tasks
    ) throws -> TaskEvaluation {
        let folder = try TemporaryFolder()
        try folder.write("choice.jsonl", Self.choices)
        try folder.write("texts.jsonl", Self.texts)
        return try TaskEvaluation(
            EvaluationTask.list(yaml: tasks, folder: folder.url), model: model, plans: plans,
            tokenizer: ByteTokenizer(), computeType: .float32, maximumLength: 24)
    }

    /// Nats of a continuation after a context, by the numeric oracle.
    private func score(
        _ model: TinyModel, _ context: String, _ continuation: String, _ plan: SharingPlan
    ) throws -> (logProbability: Double, isGreedy: Bool) {
        let tokenizer = ByteTokenizer()
        let targets = tokenizer.encode(continuation)
        let whole = [ByteTokenizer.start] + tokenizer.encode(context) + targets
        return try model.score(Array(whole.suffix(25).dropLast()), targets, plan)
    }

    @Test("every figure is what its definition gives")
    func figures() throws {
        let model = try TinyModel()
        let plans = [SharingPlan.none, try SharingPlan(.queryKey, last: 2, layers: 4)]
        let table = try evaluation(model.config, plans).run(
            parameters: model.upload(), compile: { try TestClient.shared.compile($0) },
            speeds: [100, 102])
        #expect(table.rows.map(\.share) == ["none", "qk:2"])
        #expect(table.rows.map(\.sharingLayers) == [0, 2])
        #expect(table.rows.map(\.tokensPerSecond) == [100, 102])
        // Keys and values of 4 layers, one head of 4 numbers; then keys of 2 layers only.
        #expect(table.rows.map(\.cacheBytesPerToken) == [128, 96])
        for (row, plan) in zip(table.rows, plans) {
            #expect(row.tasks.map(\.name) == ["choice", "last", "target", "whole"])
            #expect(row.tasks.map(\.items) == [3, 3, 2, 3])
            #expect(row.tasks.map(\.truncatedRequests) == [2, 1, 1, 0])

            // Choices.
            let items: [(String, [String], Int)] = [
                ("ab:", ["cd", "é", "the"], 1), ("which:", ["no", "yes"], 1),
                ("longer than the model can take in:", ["x", "yy"], 0),
            ]
            for (metric, length) in [
                (0, { (_: String) in 1 }), (1, { $0.count }), (2, { $0.utf8.count }),
            ] as [(Int, (String) -> Int)] {
                let hits = try items.map { context, choices, gold -> Double in
                    let values = try choices.map {
                        try score(model, context, " " + $0, plan).logProbability
                            / Double(length($0))
                    }
                    return values.firstIndex(of: values.max() ?? 0) == gold ? 1 : 0
                }
                let found = row.tasks[0].metrics[metric]
                #expect(found.value == hits.reduce(0, +) / 3)
                let mean = found.value
                let error = (hits.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 2 / 3).squareRoot()
                #expect(abs((found.standardError ?? -1) - error) < 1e-12)
            }

            // Last words, of which the third text has no context but the start.
            let words = [("one", " two"), ("a text of more tokens than fit", " in"), ("", " x")]
            let nats = try words.map { try score(model, $0, $1, plan).logProbability }
            let perplexity = row.tasks[1].metrics[1]
            #expect(perplexity.name == .perplexity)
            #expect(close(perplexity.value, exp(-nats.reduce(0, +) / 3)))
            #expect((perplexity.standardError ?? 0) > 0)
            let targets = try [("one two", " 5"), ("a text of more tokens than fit in", " 17")].map
            {
                try score(model, $0, $1, plan).logProbability
            }
            #expect(close(row.tasks[2].metrics[1].value, exp(-targets.reduce(0, +) / 2)))

            // Whole texts, the second in two windows.
            let long = ByteTokenizer().encode("a text of more tokens than fit in")
            let tokens = [ByteTokenizer.start] + long
            var sum = try score(model, "", "<s>one two", plan, whole: true)
            sum += try score(model, "", "<s>x", plan, whole: true)
            sum += try model.score(
                [ByteTokenizer.start] + tokens[..<23], Array(tokens[..<24]), plan
            ).logProbability
            sum += try model.score(
                Array(tokens.suffix(25).dropLast()), Array(tokens[24...]), plan
            ).logProbability
            let bytes = 7.0 + 33 + 1
            let whole = row.tasks[3].metrics
            #expect(whole.map(\.name) == [.wordPerplexity, .bytePerplexity, .bitsPerByte])
            #expect(close(whole[0].value, exp(-sum / 11)))
            #expect(close(whole[1].value, exp(-sum / bytes)))
            #expect(close(whole[2].value, -sum / bytes / log(2)))
            #expect(whole.allSatisfy { $0.standardError == nil })
        }
    }

    private func score(
        _ model: TinyModel, _ context: String, _ text: String, _ plan: SharingPlan, whole: Bool
    ) throws -> Double {
        let tokens = ByteTokenizer().encode(text, allowingSpecial: true)
        return try model.score([ByteTokenizer.start] + tokens.dropLast(), tokens, plan)
            .logProbability
    }

    /// Up to the rounding of float32 sums, which exp enlarges.
    private func close(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 1e-4 * abs(b) }

    @Test(
        "lines that cannot be used",
        arguments: [
            (
                #"{"q": 1"#,
                "choice.jsonl, line 2: not JSON: a comma or } is expected (at byte 7). Write one JSON object in UTF-8 a line."
            ),
            ("[1]", "choice.jsonl, line 2: [1] is not an object. Write one JSON object a line."),
            (
                #"{"answer": {"options": ["a", "b"], "right": 0}}"#,
                "choice.jsonl, line 2: the field q is missing. Add it, or name another field in the task file."
            ),
            (
                #"{"q": 1.5, "answer": {"options": ["a", "b"], "right": 0}}"#,
                "choice.jsonl, line 2: the field q, 1.5, is neither a text nor a whole number. Write it as a text."
            ),
            (
                #"{"q": "x", "answer": {"right": 0}}"#,
                "choice.jsonl, line 2: the field answer.options is missing. Add it, or name another field in the task file."
            ),
            (
                #"{"q": "x", "answer": {"options": "ab", "right": 0}}"#,
                "choice.jsonl, line 2: the field answer.options is not a list. Write a list of texts."
            ),
            (
                #"{"q": "x", "answer": {"options": [], "right": 0}}"#,
                "choice.jsonl, line 2: the field answer.options has 0 choices. Give at least two choices."
            ),
            (
                #"{"q": "x", "answer": {"options": ["a", ""], "right": 0}}"#,
                "choice.jsonl, line 2: the field answer.options has \"\" among its choices. Write each choice as a text that is not empty."
            ),
            (
                #"{"q": "x", "answer": {"options": ["a", "b"], "right": 2}}"#,
                "choice.jsonl, line 2: the field answer.right is 2, but there are 2 choices. Use an index from 0 to 1."
            ),
            (
                #"{"q": "x", "answer": {"options": ["a", "b"], "right": -1}}"#,
                "choice.jsonl, line 2: the field answer.right is -1, but there are 2 choices. Use an index from 0 to 1."
            ),
            (
                #"{"q": "x", "answer": {"options": ["a", "b"], "right": "c"}}"#,
                "choice.jsonl, line 2: the field answer.right, \"c\", is neither an index nor one of the choices. Write the right choice's index, from 0, or its text."
            ),
            (
                #"{"q": "x", "answer": {"options": ["a", "abcdefghijklmnopqrstuvwxyz"], "right": 0}}"#,
                "choice.jsonl, line 2: \" abcdefghijklmnopqrstuvwxyz\" has 27 tokens, but the longest input has 24. Shorten it, or use a model with a longer context."
            ),
        ])
    func refusedLines(line: String, message: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("choice.jsonl", Self.choices.split(separator: "\n")[0] + "\n" + line)
        #expect(try refusal(folder, "choice") == message)
    }

    /// The error of evaluating one of ``tasks`` with the data of a folder.
    private func refusal(_ folder: TemporaryFolder, _ task: String) throws -> String? {
        let tasks = try EvaluationTask.list(yaml: Self.tasks, folder: folder.url)
        let model = try TinyModel().config
        return #expect(throws: EvaluationError.self) {
            try TaskEvaluation(
                tasks.filter { $0.name == task }, model: model, plans: [.none],
                tokenizer: ByteTokenizer(), computeType: .float32, maximumLength: 24)
        }?.description
    }

    @Test(
        "how a record names its right choice",
        arguments: [
            (#"{"gold": 1}"#, nil, 1, nil), (#"{"gold": "1"}"#, nil, 1, nil),
            (#"{"gold": "2"}"#, nil, 0, nil), (#"{"gold": "B"}"#, nil, nil, "neither an index"),
            (#"{"gold": "B", "l": ["A", "B", "C"]}"#, "l", 1, nil),
            (#"{"gold": 2, "l": [1, 2, 3]}"#, "l", 1, nil),
            (#"{"gold": "D", "l": ["A", "B", "C"]}"#, "l", nil, "none of the labels"),
            (#"{"gold": "A", "l": ["A", "B"]}"#, "l", nil, "not a list of 3 labels"),
        ] as [(String, String?, Int?, String?)])
    func gold(line: String, labels: String?, index: Int?, problem: String?) throws {
        let yaml = """
            tasks:
              - name: a
                kind: multiple_choice
                data: x
                text: "{{q}}"
                labels: \(labels ?? "null")
            """
        let tasks = try EvaluationTask.list(yaml: yaml, folder: URL(filePath: "/"))
        guard case .multipleChoice(let question) = tasks[0].kind else {
            Issue.record("another kind")
            return
        }
        let record = try RequestEncoderTests.record(line)
        do throws(EvaluationError) {
            #expect(try record.gold(question, among: ["2", "x", "y"]) == index)
        } catch {
            #expect(index == nil)
            #expect(error.problem.contains(problem ?? "?"))
        }
    }

    @Test func filesThatCannotBeUsed() throws {
        let folder = try TemporaryFolder()
        #expect(
            try refusal(folder, "whole")
                == "texts.jsonl: the file \(folder.url.path)/texts.jsonl cannot be read. Name a readable JSON Lines file as the task's data."
        )
        try folder.write("texts.jsonl", "\n \n")
        #expect(
            try refusal(folder, "whole")
                == "texts.jsonl: the file has no records. Write one JSON object a line.")
        try folder.write("texts.jsonl", #"{"text": ""}"#)
        #expect(
            try refusal(folder, "whole")
                == "texts.jsonl: its texts are all empty. Name the field with the text in the task file."
        )
        #expect(
            try refusal(folder, "last")
                == "texts.jsonl, line 1: the text is empty. End it with a word, or name the target in the task file."
        )
        try Data([0x7B, 0x22, 0xFF, 0x22, 0x7D]).write(
            to: folder.url.appending(path: "texts.jsonl"))
        #expect(try refusal(folder, "whole")?.hasPrefix("texts.jsonl, line 1: not JSON: ") == true)
    }

    @Test("numbers that are not finite are refused")
    func notFinite() throws {
        let model = try TinyModel()
        let evaluation = try evaluation(
            model.config, [.none],
            tasks: "tasks: [{name: w, kind: rolling_perplexity, data: texts.jsonl}]")
        var parameters = UniqueArray<DeviceBuffer>()
        for parameter in model.config.parameters {
            let values = [Float](repeating: .nan, count: parameter.elementCount)
            parameters.append(
                try TestClient.shared.makeBuffer(HostArray(values, parameter.dimensions)))
        }
        let error = #expect(throws: EvaluationError.self) {
            try evaluation.run(
                parameters: parameters, compile: { try TestClient.shared.compile($0) })
        }
        #expect(
            error?.description
                == "none: the model computes numbers that are not finite. Use another checkpoint, or --dtype float32."
        )
    }
}
