import EPASConfig

/// What a record asks of a model.
enum TaskItem {
    /// Which of `choices` is the most likely after `context`, each after `delimiter`.
    case multipleChoice(context: String, delimiter: String, choices: [String], gold: Int)
    /// How likely `target` is after `context`.
    case continuation(context: String, target: String)
    /// How likely the whole text is.
    case whole(String)

    init(_ record: TaskRecord, of task: EvaluationTask) throws(EvaluationError) {
        let text = try record.text(task.text)
        switch task.kind {
        case .multipleChoice(let question):
            let choices = try record.choices(question.choices)
            self = .multipleChoice(
                context: text, delimiter: question.delimiter, choices: choices,
                gold: try record.gold(question, among: choices))
        case .lastWord(let target?):
            self = .continuation(context: text, target: try record.text(target))
        case .lastWord(nil):
            let (before, last) = text.splitAtLastSpace
            guard !last.isEmpty else {
                throw record.error(
                    text.isEmpty ? "the text is empty" : "the text ends with a space",
                    remedy: "End it with a word, or name the target in the task file.")
            }
            self = .continuation(context: before, target: " " + last)
        case .rollingPerplexity:
            self = .whole(text)
        }
    }
}
