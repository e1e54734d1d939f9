package import Foundation

/// A run file as a value: complete, with every default filled in, and checked.
///
/// What depends on the model (whether a preset exists, whether the growth divides the target) is
/// checked where the model is known, with the same ``ConfigError``.
package struct RunConfig: Sendable, Hashable {
    package var model: ModelSection
    package var data: DataSection
    /// nil trains without sharing.
    package var sharing: SharingSection?
    package var training: TrainingSection
    package var validation: ValidationSection
    package var checkpoint: CheckpointSection
    package var runtime: RuntimeSection

    /// Reads a run file.
    ///
    /// - Parameter overrides: Settings as `KEY=VALUE`, such as `training.steps=10`; the value is
    ///   YAML. They are applied in order before anything is checked.
    package static func load(
        _ url: URL, overrides: [String] = []
    ) throws(ConfigError) -> RunConfig {
        let yaml = try YAMLNode.text(of: url, called: "run file")
        return try RunConfig(
            yaml: yaml, source: url.lastPathComponent, overrides: overrides)
    }

    /// Parses the text of a run file; see ``load(_:overrides:)``.
    package init(
        yaml: String, source: String = "run file", overrides: [String] = []
    ) throws(ConfigError) {
        var root = try YAMLNode.parse(yaml, source: source)
        for override in overrides { try root.apply(override) }
        let top = try SectionReader(root, "")
        model = try ModelSection(top.section("model"))
        data = try DataSection(top.section("data"))
        if let section = try top.optionalSection("sharing") {
            sharing = try SharingSection(section)
        } else {
            sharing = nil
        }
        training = try TrainingSection(top.section("training"))
        validation = try ValidationSection(top.section("validation"))
        checkpoint = try CheckpointSection(top.section("checkpoint"))
        runtime = try RuntimeSection(top.section("runtime"))
    }

    /// The run file with every default written out; parsing it gives an equal value.
    package var yaml: String {
        YAMLNode.mapping([
            ("model", model.node), ("data", data.node), ("sharing", sharing?.node ?? .null),
            ("training", training.node), ("validation", validation.node),
            ("checkpoint", checkpoint.node), ("runtime", runtime.node),
        ]).yaml
    }
}
