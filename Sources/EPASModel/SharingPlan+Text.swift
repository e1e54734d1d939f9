package import EPASConfig

// The command line's `--share`: `KIND:N` (the last N layers) or `KIND:a<b,c<d` (layer a reuses
// layer b, layer c reuses layer d); an empty text or `none` shares nothing.

extension SharingPlan {
    /// Reads a plan as written on the command line.
    ///
    /// - Throws: ``ConfigError`` saying what the text lacks or why the model cannot run it.
    package init(parsing text: String, layers: Int) throws(ConfigError) {
        if text.isEmpty || text == "none" {
            self = .none
            return
        }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let kind = SharingKind(rawValue: String(parts[0])) else {
            throw Self.unreadable(text)
        }
        if let count = Int(parts[1]) {
            try self.init(kind, last: count, layers: layers)
            return
        }
        var sources: [Int: Int] = [:]
        for pair in parts[1].split(separator: ",", omittingEmptySubsequences: false) {
            let ends = pair.split(separator: "<", omittingEmptySubsequences: false)
            guard ends.count == 2, let layer = Int(ends[0]), let source = Int(ends[1]) else {
                throw Self.unreadable(text)
            }
            guard sources.updateValue(source, forKey: layer) == nil else {
                throw ConfigError(
                    "sharing", "\"\(text)\" names a source for layer \(layer) twice",
                    remedy: "Name each sharing layer once.")
            }
        }
        try self.init(kind, sources: sources, layers: layers)
    }

    private static func unreadable(_ text: String) -> ConfigError {
        ConfigError(
            "sharing", "\"\(text)\" is not a sharing specification",
            remedy: "Write KIND:N or KIND:a<b,c<d with KIND one of qk, kv, scores, such as qk:4.")
    }

    /// The shortest text that ``init(parsing:layers:)`` reads back as this plan.
    package func text(layers: Int) -> String {
        if sources.isEmpty { return "none" }
        let shared = sharingLayers
        let first = layers - shared.count
        if shared == Array(first..<layers), shared.allSatisfy({ sources[$0] == first - 1 }) {
            return "\(kind.rawValue):\(shared.count)"
        }
        return "\(kind.rawValue):" + shared.map { "\($0)<\(sources[$0]!)" }.joined(separator: ",")
    }

    /// Reads several plans that differ in their length: `qk:0,2,4`, `qk:2` or one map.
    ///
    /// - Throws: ``ConfigError`` as ``init(parsing:layers:)``.
    package static func list(parsing text: String, layers: Int) throws(ConfigError) -> [SharingPlan]
    {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2, !parts[1].contains("<") {
            var plans: [SharingPlan] = []
            for count in parts[1].split(separator: ",", omittingEmptySubsequences: false) {
                plans.append(try SharingPlan(parsing: "\(parts[0]):\(count)", layers: layers))
            }
            return plans
        }
        return [try SharingPlan(parsing: text, layers: layers)]
    }
}
