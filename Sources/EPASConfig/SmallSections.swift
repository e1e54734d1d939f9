/// The `data` section.
package struct DataSection: Sendable, Hashable {
    /// A folder made by `epas data prepare`.
    package var path: String
}

extension DataSection {
    init(_ reader: SectionReader) throws(ConfigError) {
        path = try reader.required(reader.text, "path")
    }

    var node: YAMLNode { .mapping([("path", .text(path))]) }
}

/// The `checkpoint` section.
package struct CheckpointSection: Sendable, Hashable {
    /// Steps between saves; 0 saves at the end only.
    package var every: Int
    /// Checkpoints kept, at least 1.
    package var keep: Int
}

extension CheckpointSection {
    init(_ reader: SectionReader) throws(ConfigError) {
        every = try reader.required(reader.integer, "every")
        keep = try reader.required(reader.integer, "keep")
    }

    var node: YAMLNode { .mapping([("every", .number(every)), ("keep", .number(keep))]) }
}

/// The `runtime` section.
package struct RuntimeSection: Sendable, Hashable {
    /// `cpu`, `cuda` or a path; nil leaves the choice to the environment.
    package var plugin: String?
    /// CPU threads; 0 takes one per core.
    package var threads: Int
    /// Folder of compiled programs; nil is the usual one.
    package var cache: String?
    /// Whether XLA's log lines are shown.
    package var showsXLALog: Bool
}

extension RuntimeSection {
    init(_ reader: SectionReader) throws(ConfigError) {
        plugin = try reader.text("plugin")
        threads = try reader.required(reader.integer, "threads")
        cache = try reader.text("cache")
        showsXLALog = try reader.required(reader.boolean, "xla_log")
    }

    var node: YAMLNode {
        .mapping([
            ("plugin", plugin.map { .text($0) } ?? .null), ("threads", .number(threads)),
            ("cache", cache.map { .text($0) } ?? .null), ("xla_log", .boolean(showsXLALog)),
        ])
    }
}
