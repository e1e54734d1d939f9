package import EPASArray
package import Foundation

/// A checkpoint being written: takes files until its store completes it.
package final class CheckpointDraft {
    /// The temporary folder.
    let url: URL
    private(set) var manifest: CheckpointManifest
    private let onFile: (String) throws -> Void

    init(_ url: URL, step: Int, onFile: @escaping (String) throws -> Void) {
        self.url = url
        manifest = CheckpointManifest(step: step, entries: [:])
        self.onFile = onFile
    }

    /// Adds a file of these bytes.
    package func write(_ name: String, _ data: Data) throws {
        try add(name) { file in try file.write(data) }
    }

    /// Adds a value as JSON with sorted keys, so that equal values give equal bytes.
    package func write(_ name: String, _ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        try write(name, try encoder.encode(value) + Data("\n".utf8))
    }

    /// Adds a model's `config.json`.
    package func write(_ name: String, _ config: HuggingFaceConfig) throws {
        try write(name, Data(config.json.utf8))
    }

    /// Adds a file of tensors, asking for one at a time; see ``SafetensorsWriter``.
    package func writeTensors(
        _ name: String, _ shapes: [String: Shape], metadata: [String: String] = ["format": "pt"],
        array: (String) throws -> HostArray
    ) throws {
        try add(name) { file in
            try SafetensorsWriter.write(shapes, to: file, metadata: metadata, array: array)
        }
    }

    /// Adds a copy of a file.
    package func copy(_ source: URL, as name: String) throws {
        try add(name) { file in
            let mapped = try MappedFile(source)
            try file.write(mapped.bytes)
        }
    }

    private func add(_ name: String, _ body: (FileWriter) throws -> Void) throws {
        guard isPlainFileName(name), name != CheckpointManifest.fileName,
            manifest.entries[name] == nil
        else { fatalError("\(name) cannot be added to a checkpoint") }
        let file = try FileWriter(url.appendingPathComponent(name))
        try body(file)
        let byteCount = file.byteCount
        manifest.entries[name] = .init(byteCount: byteCount, sha256: try file.finish())
        try onFile(name)
    }

    /// Writes the manifest, waits for the disk, and reads everything again.
    func complete(at stage: (CheckpointStore.Stage) throws -> Void) throws {
        let file = try FileWriter(url.appendingPathComponent(CheckpointManifest.fileName))
        try file.write(Data(manifest.text.utf8))
        try file.finish()
        try stage(.manifestWritten)
        try synchronize(url)
        _ = try CheckpointFolder(verifying: url)
        try stage(.verified)
    }
}
