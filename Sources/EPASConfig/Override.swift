extension YAMLNode {
    /// Applies a setting from the command line, `KEY=VALUE`.
    mutating func apply(_ setting: String) throws(ConfigError) {
        guard let equals = setting.firstIndex(of: "=") else {
            throw ConfigError(
                "--set \(Self.shown(setting))", "no value is given",
                remedy: "Write --set KEY=VALUE, such as --set training.steps=10.")
        }
        let path = String(setting[..<equals])
        let parts = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        var section = ""
        for part in parts {
            let names = RunFileKey.inside(section).map(\.name)
            guard names.contains(part) else {
                throw Self.unknown(part, path, inside: section, names)
            }
            section = SectionReader.join(section, part)
        }
        let value = try Self.parse(
            String(setting[setting.index(after: equals)...]), source: "--set \(path)",
            isOverride: true)
        try set(parts[...], to: value, at: "")
    }

    private static func unknown(
        _ part: String, _ path: String, inside section: String, _ names: [String]
    ) -> ConfigError {
        if names.isEmpty {
            return ConfigError(
                shown(path), "\(section) has no keys inside it (--set)",
                remedy: "Set \(section) as a whole.")
        }
        return .unknownKey(
            SectionReader.join(section, part), part, among: names, place: " (--set)")
    }

    private mutating func set(
        _ parts: ArraySlice<String>, to value: YAMLNode, at path: String
    ) throws(ConfigError) {
        guard let name = parts.first else {
            self = value
            return
        }
        if isNull { self = YAMLNode(.mapping([]), .override) }
        guard case .mapping(var entries) = content else {
            throw ConfigError(
                path.isEmpty ? "run file" : path,
                "\(quotation) is not a mapping of keys to values\(place)",
                remedy: "Write it as keys and values, or set it as a whole.")
        }
        let index = entries.firstIndex { $0.key == name }
        var inner = index.map { entries[$0].value } ?? YAMLNode(.mapping([]), .override)
        try inner.set(parts.dropFirst(), to: value, at: SectionReader.join(path, name))
        if let index {
            entries[index].value = inner
        } else {
            entries.append(YAMLEntry(name, inner, .override))
        }
        content = .mapping(entries)
    }
}
