import EPASJSON
package import Foundation

/// A checkpoint of a run whose every file was found to be as saved.
package struct CheckpointFolder: Sendable {
    package let url: URL
    /// The step after which it was saved.
    package let step: Int
    /// Its files, without the manifest, sorted.
    package let files: [String]

    /// A file that may stand beside a checkpoint's own: what was measured of it later.
    package static let evaluationName = "epas-evaluation.json"

    /// Whether a folder is meant to be a checkpoint: it has a manifest, or a checkpoint's name.
    static func isCheckpoint(_ url: URL) -> Bool {
        let manifest = url.appendingPathComponent(CheckpointManifest.fileName)
        return FileManager.default.fileExists(atPath: manifest.path)
            || CheckpointStore.step(of: url.lastPathComponent) != nil
    }

    /// Opens a checkpoint and reads all of it, comparing with its manifest.
    ///
    /// - Parameter needs: Whether a file has to be there and unchanged. Without it all have to,
    ///   and no others may be there but ``evaluationName``, also half replaced.
    /// - Throws: ``CheckpointError`` naming every file that is missing, unexpected or changed.
    package init(
        verifying url: URL, needs: ((String) -> Bool)? = nil
    ) throws(CheckpointError) {
        func refused(_ problems: [String]) -> CheckpointError {
            CheckpointError(
                url.path, problems,
                remedy: "Delete the folder, or restore it from a copy.")
        }
        let present: [String]
        do {
            present = try FileManager.default.contentsOfDirectory(atPath: url.path)
        } catch {
            throw CheckpointError(
                url.path, "the checkpoint cannot be opened", remedy: "Check the path.")
        }
        guard present.contains(CheckpointManifest.fileName) else {
            throw refused(["manifest.json is missing, so its saving was never completed"])
        }
        let manifest: CheckpointManifest
        do throws(JSONScanner.Failure) {
            let path = url.appendingPathComponent(CheckpointManifest.fileName)
            manifest = try CheckpointManifest((try? Data(contentsOf: path)) ?? Data())
        } catch {
            throw refused(["manifest.json is damaged: \(error.problem)"])
        }
        var problems: [String] = []
        for (name, entry) in manifest.entries.sorted(by: { $0.key < $1.key })
        where needs?(name) ?? true {
            guard present.contains(name) else {
                problems.append("\(name) is missing")
                continue
            }
            do throws(CheckpointError) {
                let found = try fingerprint(of: url.appendingPathComponent(name))
                if found.byteCount != entry.byteCount {
                    problems.append(
                        "\(name) has \(found.byteCount) bytes instead of \(entry.byteCount)")
                } else if found.sha256 != entry.sha256 {
                    problems.append("\(name) is damaged: its SHA-256 differs from the manifest's")
                }
            } catch {
                problems.append("\(name) \(error.problems.joined())")
            }
        }
        for name in present.sorted()
        where needs == nil && manifest.entries[name] == nil
            && name != CheckpointManifest.fileName
            && ![Self.evaluationName, ".\(Self.evaluationName).writing"].contains(name)
        {
            problems.append("\(shown(name)) is not in the manifest")
        }
        if let named = CheckpointStore.step(of: url.lastPathComponent), named != manifest.step {
            problems.append("manifest.json is of step \(manifest.step)")
        }
        guard problems.isEmpty else { throw refused(problems) }
        self.url = url
        step = manifest.step
        files = manifest.entries.keys.sorted()
    }

    /// Opens a file of tensors.
    package func tensors(_ name: String) throws(CheckpointError) -> SafetensorsFile {
        try SafetensorsFile(url.appendingPathComponent(name))
    }

    /// Decodes a file that ``CheckpointDraft/write(_:_:)-(String,Encodable)`` wrote.
    package func decode<Value: Decodable>(
        _ name: String, as type: Value.Type = Value.self
    ) throws(CheckpointError) -> Value {
        do {
            let data = try Data(contentsOf: url.appendingPathComponent(name))
            return try JSONDecoder().decode(Value.self, from: data)
        } catch {
            throw CheckpointError(
                url.appendingPathComponent(name).path, "it does not have the expected content",
                remedy: "Continue the run with the version of epas that saved it.")
        }
    }
}
