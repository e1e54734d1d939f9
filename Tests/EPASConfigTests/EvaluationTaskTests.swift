import EPASConfig
import Foundation
import Testing

@Suite("Task files")
struct EvaluationTaskTests {
    private func tasks(_ yaml: String) throws -> [EvaluationTask] {
        try EvaluationTask.list(yaml: yaml, folder: URL(filePath: "/data/tasks"))
    }

    @Test func kindsAndDefaults() throws {
        let tasks = try tasks(
            """
            tasks:
              - {name: a, kind: multiple_choice, data: a.jsonl, text: "{{ q }}? {{x.y}}"}
              - name: b
                kind: multiple_choice
                data: /b.jsonl
                text: "{{q}}"
                choices: [" yes", "no"]
                gold: answer.index
                labels: answer.labels
                delimiter: ""
                limit: 10
              - {name: c, kind: last_word, data: sub/c.jsonl}
              - {name: d, kind: last_word, data: d.jsonl, text: "{{a}}", target: " {{b}}"}
              - {name: e, kind: rolling_perplexity, data: e.jsonl}
            """)
        #expect(tasks.map(\.name) == ["a", "b", "c", "d", "e"])
        #expect(
            tasks.map(\.data.path) == [
                "/data/tasks/a.jsonl", "/b.jsonl", "/data/tasks/sub/c.jsonl",
                "/data/tasks/d.jsonl", "/data/tasks/e.jsonl",
            ])
        #expect(tasks.map(\.limit) == [nil, 10, nil, nil, nil])
        #expect(tasks[0].text.pieces == [.field("q"), .literal("? "), .field("x.y")])
        #expect(tasks[2].text.pieces == [.field("text")])
        guard case .multipleChoice(let a) = tasks[0].kind,
            case .multipleChoice(let b) = tasks[1].kind
        else {
            Issue.record("other kinds")
            return
        }
        #expect(a.choices == .field("choices"))
        #expect(a.gold == "gold")
        #expect(a.delimiter == " ")
        #expect(b.choices == .texts([" yes", "no"]))
        #expect(b.gold == "answer.index")
        #expect(a.labels == nil)
        #expect(b.labels == "answer.labels")
        #expect(b.delimiter == "")
        #expect(tasks[2].kind == .lastWord(target: nil))
        #expect(tasks[3].kind == .lastWord(target: TextTemplate(" {{b}}")))
        #expect(tasks[4].kind == .rollingPerplexity)
    }

    @Test(
        "what is refused, and in which words",
        arguments: [
            (
                "[]",
                "tasks: a list is not a mapping of keys to values (line 1). Use keys such as tasks."
            ),
            ("{}", "tasks: missing. Write a list of tasks, each with name, kind and data."),
            (
                "tasks: []",
                "tasks: a list holds no task (line 1). Write a list of tasks, each with name, kind and data."
            ),
            ("task: 1", "task: unknown key (line 1). Did you mean tasks? Use one of tasks."),
            (
                "tasks: [{kind: last_word, data: x}]",
                "tasks[0].name: missing. Write a name for the task."
            ),
            (
                "tasks: [{name: a, data: x}]",
                "tasks[0].kind: missing. Write one of multiple_choice, last_word, rolling_perplexity."
            ),
            (
                "tasks: [{name: a, kind: multiple_choices, data: x}]",
                """
                tasks[0].kind: "multiple_choices" is not a choice (line 1). Did you mean multiple_choice? \
                Use one of multiple_choice, last_word, rolling_perplexity.
                """
            ),
            (
                "tasks: [{name: a, kind: last_word, dat: x}]",
                """
                tasks[0].dat: unknown key (line 1). Did you mean data? Use one of choices, data, \
                delimiter, gold, kind, labels, limit, name, target, text.
                """
            ),
            (
                "tasks: [{name: a, kind: last_word, data: x, choices: c}]",
                "tasks[0].choices: unknown key (line 1). Use one of data, kind, limit, name, target, text."
            ),
            (
                "tasks: [{name: a, kind: multiple_choice, data: x}]",
                "tasks[0].text: missing. Write a text that names fields as {{field}}."
            ),
            (
                "tasks: [{name: a, kind: last_word, data: x, text: plain}]",
                "tasks[0].text: \"plain\" names no field (line 1). Use a text that names fields as {{field}}."
            ),
            (
                "tasks: [{name: a, kind: last_word, data: x, text: '{{a|upper}}'}]",
                "tasks[0].text: \"{{a|upper}}\" is no such template (line 1). Use a text that names fields as {{field}}."
            ),
            (
                "tasks: [{name: a, kind: last_word, data: x, text: '{{a}'}]",
                "tasks[0].text: \"{{a}\" is no such template (line 1). Use a text that names fields as {{field}}."
            ),
            (
                "tasks: [{name: a, kind: last_word, data: x, limit: 0}]",
                "tasks[0].limit: 0 is no such number (line 1). Use a whole number of at least 1."
            ),
            (
                "tasks: [{name: a, kind: multiple_choice, data: x, text: '{{a}}', choices: [b]}]",
                """
                tasks[0].choices: a list has fewer than 2 choices (line 1). Use the name of a field \
                with a list of texts, or a list of texts.
                """
            ),
            (
                "tasks: [{name: a, kind: last_word, data: x}, {name: a, kind: last_word, data: x}]",
                "tasks[1].name: \"a\" is written twice (line 1). Give each task a name of its own."
            ),
        ])
    func refused(yaml: String, message: String) {
        let error = #expect(throws: ConfigError.self) { try tasks(yaml) }
        #expect(error?.description == message)
    }

    @Test func filesThatCannotBeRead() throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "epas-tasks-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "tasks.yaml")
        func message() -> String? {
            #expect(throws: ConfigError.self) { try EvaluationTask.load(file) }?.description
        }
        #expect(
            message()
                == "tasks.yaml: the task file \(file.path) cannot be read. Name a readable YAML file."
        )
        try Data([0xFF]).write(to: file)
        #expect(message() == "tasks.yaml: the file is not UTF-8 text. Save it as UTF-8.")
        try Data(repeating: 0x20, count: 300_000).write(to: file)
        #expect(
            message()
                == "tasks.yaml: the text is longer than 262144 bytes. Name a task file; the longest takes a few KiB."
        )
    }
}
