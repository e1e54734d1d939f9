/// The text of `epas train --help-run-file`.
package enum RunFileHelp {
    /// Every key with what it accepts, its default, unit and meaning, 80 columns wide.
    package static var text: String {
        var lines = [
            "A run file is YAML. Every key, what it accepts, and what it is when absent:", "",
        ]
        for key in RunFileKey.all {
            var facts = [key.accepted]
            if !key.unit.isEmpty { facts.append("in \(key.unit)") }
            facts.append(key.defaultText.map { "default: \($0)" } ?? "required")
            lines.append(key.path)
            lines += wrapped(facts.joined(separator: "; "))
            lines += wrapped(key.meaning)
            if let null = key.null { lines += wrapped("null: \(null).") }
        }
        lines += [
            "", "Any key can be set on the command line: --set training.steps=10",
            "--set sharing=null --set 'validation.lengths=[0, 1]'.",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    private static func wrapped(_ text: String) -> [String] {
        let margin = "    "
        var lines = [margin]
        for word in text.split(separator: " ") {
            if lines[lines.count - 1].count + word.count >= 80 { lines.append(margin) }
            if lines[lines.count - 1] != margin { lines[lines.count - 1] += " " }
            lines[lines.count - 1] += word
        }
        return lines
    }
}
