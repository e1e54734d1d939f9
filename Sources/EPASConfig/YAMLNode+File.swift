import Foundation

extension YAMLNode {
    /// The text of a YAML file of bounded size.
    ///
    /// - Parameter kind: What the file is, for errors.
    static func text(of url: URL, called kind: String) throws(ConfigError) -> String {
        let name = url.lastPathComponent
        let data: Data
        do {
            let file = try FileHandle(forReadingFrom: url)
            defer { try? file.close() }
            data = try file.read(upToCount: YAMLNode.byteLimit + 1) ?? Data()
        } catch {
            throw ConfigError(
                name, "the \(kind) \(url.path) cannot be read",
                remedy: "Name a readable YAML file.")
        }
        guard data.count <= YAMLNode.byteLimit else { throw .tooLong(name, kind) }
        guard let yaml = String(validating: data, as: UTF8.self) else {
            throw ConfigError(name, "the file is not UTF-8 text", remedy: "Save it as UTF-8.")
        }
        return yaml
    }
}
