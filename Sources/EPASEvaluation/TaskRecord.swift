import EPASConfig
import EPASJSON
import Foundation

/// One line of a task's JSON Lines file.
struct TaskRecord {
    let file: String
    /// From 1.
    let line: Int
    private let value: JSONValue

    /// Bytes of a file accepted, as it is held in memory.
    static let byteLimit = 1 << 30

    func error(_ problem: String, remedy: String) -> EvaluationError {
        EvaluationError(file, line: line, problem, remedy: remedy)
    }

    /// Reads a file's records, at most `limit`; blank lines are passed over.
    ///
    /// - Throws: ``EvaluationError`` naming the first line that is not a JSON object.
    static func read(_ url: URL, limit: Int?) throws -> [TaskRecord] {
        let name = url.lastPathComponent
        var facts = stat()
        guard stat(url.path, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG,
            let data = try? Data(contentsOf: url)
        else {
            throw EvaluationError(
                name, "the file \(url.path) cannot be read",
                remedy: "Name a readable JSON Lines file as the task's data.")
        }
        guard data.count <= byteLimit else {
            throw EvaluationError(
                name, "the file is longer than 1 GiB", remedy: "Divide it into several tasks.")
        }
        var records: [TaskRecord] = []
        try data.withUnsafeBytes { bytes in
            var (start, line) = (0, 0)
            if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { start = 3 }
            while start < bytes.count, records.count < limit ?? .max {
                let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
                line += 1
                let text = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
                start = end + 1
                if text.allSatisfy({ [0x20, 0x09, 0x0D].contains($0) }) { continue }
                records.append(try TaskRecord(text, file: name, line: line))
            }
        }
        guard !records.isEmpty else {
            throw EvaluationError(
                name, "the file has no records", remedy: "Write one JSON object a line.")
        }
        return records
    }

    init(_ text: UnsafeRawBufferPointer, file: String, line: Int) throws(EvaluationError) {
        self.file = file
        self.line = line
        do throws(JSONScanner.Failure) {
            value = try JSONValue(text)
        } catch {
            throw EvaluationError(
                file, line: line, "not JSON: \(error.problem) (at byte \(error.offset))",
                remedy: "Write one JSON object in UTF-8 a line.")
        }
        guard case .object = value else {
            throw EvaluationError(
                file, line: line, "\(value.quotation) is not an object",
                remedy: "Write one JSON object a line.")
        }
    }

    /// The value at a field's path. A field whose name has dots comes before one inside others.
    func field(_ path: String) throws(EvaluationError) -> JSONValue {
        if let value = value[path] { return value }
        var found: JSONValue? = value
        for name in path.split(separator: ".") { found = found?[String(name)] }
        guard let found else {
            throw error(
                "the field \(path) is missing",
                remedy: "Add it, or name another field in the task file.")
        }
        return found
    }

    /// A template with its fields filled in: texts as they are, whole numbers in digits.
    func text(_ template: TextTemplate) throws(EvaluationError) -> String {
        var text = ""
        for piece in template.pieces {
            switch piece {
            case .literal(let literal): text += literal
            case .field(let path):
                let value = try field(path)
                if let string = value.string {
                    text += string
                } else if let number = value.integer {
                    text += "\(number)"
                } else {
                    throw error(
                        "the field \(path), \(value.quotation), is neither a text nor a whole number",
                        remedy: "Write it as a text.")
                }
            }
        }
        return text
    }

    /// The texts to choose from.
    func choices(
        _ choices: EvaluationTask.MultipleChoice.Choices
    ) throws(EvaluationError) -> [String] {
        let path: String
        switch choices {
        case .texts(let texts): return texts
        case .field(let name): path = name
        }
        guard case .array(let elements) = try field(path) else {
            throw error("the field \(path) is not a list", remedy: "Write a list of texts.")
        }
        var texts: [String] = []
        for element in elements {
            guard let text = element.string, !text.isEmpty else {
                throw error(
                    "the field \(path) has \(element.quotation) among its choices",
                    remedy: "Write each choice as a text that is not empty.")
            }
            texts.append(text)
        }
        guard texts.count >= 2 else {
            throw error(
                "the field \(path) has \(texts.count) choices", remedy: "Give at least two choices."
            )
        }
        return texts
    }

    /// The index of the right choice.
    func gold(
        _ question: EvaluationTask.MultipleChoice, among choices: [String]
    ) throws(EvaluationError) -> Int {
        let path = question.gold
        let value = try field(path)
        let text = value.string ?? value.integer.map { "\($0)" }
        if let labels = question.labels {
            guard case .array(let elements) = try field(labels), elements.count == choices.count
            else {
                throw error(
                    "the field \(labels) is not a list of \(choices.count) labels",
                    remedy: "Write one label for each choice.")
            }
            let known = elements.map { $0.string ?? $0.integer.map { "\($0)" } }
            guard let text, let index = known.firstIndex(of: text) else {
                throw error(
                    "the field \(path), \(value.quotation), is none of the labels",
                    remedy: "Write the right choice's label.")
            }
            return index
        }
        if let text = value.string, let index = choices.firstIndex(of: text) { return index }
        guard let index = value.integer ?? value.string.flatMap(Int.init) else {
            throw error(
                "the field \(path), \(value.quotation), is neither an index nor one of the choices",
                remedy: "Write the right choice's index, from 0, or its text.")
        }
        guard choices.indices.contains(index) else {
            throw error(
                "the field \(path) is \(index), but there are \(choices.count) choices",
                remedy: "Use an index from 0 to \(choices.count - 1).")
        }
        return index
    }
}
