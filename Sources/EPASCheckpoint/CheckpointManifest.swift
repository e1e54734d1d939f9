import EPASJSON

import struct Foundation.Data
import struct Foundation.URL

/// The list of a checkpoint's files with their lengths and SHA-256, written last: a folder without
/// one is no checkpoint.
struct CheckpointManifest {
    static let fileName = "manifest.json"
    private static let version = 1

    struct Entry: Hashable {
        let byteCount: Int
        /// In lower-case hexadecimal digits.
        let sha256: String
    }

    let step: Int
    var entries: [String: Entry]

    init(step: Int, entries: [String: Entry]) {
        self.step = step
        self.entries = entries
    }

    var text: String {
        JSONValue.object([
            ("version", .integer(Self.version)), ("step", .integer(step)),
            (
                "files",
                .object(
                    entries.sorted { $0.key < $1.key }.map { name, entry in
                        (
                            name,
                            .object([
                                ("bytes", .integer(entry.byteCount)),
                                ("sha256", .string(entry.sha256)),
                            ])
                        )
                    })
            ),
        ]).indentedText
    }

    /// Parses a manifest; the error says what is wrong with it.
    init(_ data: Data) throws(JSONScanner.Failure) {
        func malformed(_ problem: String) -> JSONScanner.Failure {
            JSONScanner.Failure(offset: 0, problem: problem)
        }
        let value = try data.withBytes { bytes throws(JSONScanner.Failure) in
            try JSONValue(bytes)
        }
        guard value["version"]?.integer == Self.version else {
            throw malformed("its version is not \(Self.version)")
        }
        guard let step = value["step"]?.integer, step >= 0,
            case .object(let files)? = value["files"]
        else { throw malformed("it lacks a step or files") }
        self.step = step
        entries = [:]
        for (name, file) in files {
            guard isPlainFileName(name), name != Self.fileName else {
                throw malformed("\"\(shown(name))\" is not a file inside the checkpoint")
            }
            guard let bytes = file["bytes"]?.integer, bytes >= 0, let sha = file["sha256"]?.string
            else { throw malformed("the entry of \(name) lacks bytes or sha256") }
            entries[name] = Entry(byteCount: bytes, sha256: sha)
        }
        // Nothing else vouches for the manifest: not a byte may differ from what we write.
        guard Data(text.utf8) == data else { throw malformed("it is not as it was written") }
    }
}

/// Whether a name from a file can only mean a file directly inside a folder.
func isPlainFileName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 255 && !name.hasPrefix(".")
        && !name.unicodeScalars.contains { $0 == "/" || $0 == "\\" || $0.value < 32 }
}
