import CZstd
import EPASTesting
import Foundation

/// A folder that is removed with its last reference.
final class TemporaryFolder: Sendable {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "epas-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
    }

    subscript(name: String) -> URL { url.appending(path: name) }

    /// Writes a file and returns its path.
    @discardableResult
    func write(_ contents: some Sequence<UInt8>, to name: String) throws -> String {
        let file = self[name]
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(contents).write(to: file)
        return file.path
    }

    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        try write(text.utf8, to: name)
    }

    /// The files below a folder, by path below it.
    static func contents(of folder: URL) throws -> [String: Data] {
        var files: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path) {
            let file = folder.appending(path: name)
            if (try? file.resourceValues(forKeys: [.isDirectoryKey]).isDirectory) == true {
                continue
            }
            files[name] = try Data(contentsOf: file)
        }
        return files
    }
}

/// One Zstandard frame.
func compressed(_ bytes: [UInt8]) -> [UInt8] {
    let bound = ZSTD_compressBound(bytes.count)
    return [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
        count = ZSTD_compress(buffer.baseAddress, bound, bytes, bytes.count, 3)
    }
}

/// Text of a few dozen words, different for each seed.
func sampleText(_ seed: Int, words: Int = 40) -> String {
    var random = SplitMix(seed: UInt64(seed))
    let stock = ["alpha", "beta", "gamma", "delta", "epsilon", "layer", "query", "key"]
    return "document \(seed)\n"
        + (0..<words).map { _ in
            stock[Int.random(in: 0..<stock.count, using: &random)]
                + ["", "\n", ",", " = \(random.next() % 10)"][Int.random(in: 0..<4, using: &random)]
        }.joined(separator: " ")
}

/// A line of JSON with a field.
func jsonLine(_ text: String, field: String = "text") throws -> String {
    let data = try JSONSerialization.data(withJSONObject: [field: text, "id": [1, ["a": 2]]])
    return String(decoding: data, as: UTF8.self)
}
