import EPASJSON
import Foundation

/// The tokens that begin and end a document as the files beside a tokenizer.json name them.
struct SpecialTokenNames {
    var beginning: String?
    var end: String?
    /// From `generation_config.json`, which knows numbers only; of several the first.
    var endID: Int32?
    /// The file that names them, for errors.
    var source = ""

    init() {}

    /// - Throws: ``TokenizerError`` when one of the files is not JSON.
    init(folder: URL) throws {
        for name in ["tokenizer_config.json", "special_tokens_map.json"] {
            guard let file = try Self.read(name, in: folder) else { continue }
            if beginning == nil, file["add_bos_token"]?.boolean != false {
                beginning = Self.name(file["bos_token"])
            }
            if end == nil { end = Self.name(file["eos_token"]) }
            if source.isEmpty, beginning != nil || end != nil {
                source = folder.appending(path: name).path
            }
        }
        guard let file = try Self.read("generation_config.json", in: folder),
            var id = file["eos_token_id"]
        else { return }
        if case .array(let ids) = id, let first = ids.first { id = first }
        endID = id.integer.flatMap { Int32(exactly: $0) }.flatMap { $0 >= 0 ? $0 : nil }
    }

    /// A token's name: a text, or an object with the text as `content`.
    private static func name(_ value: JSONValue?) -> String? {
        value?.string ?? value?["content"]?.string
    }

    private static func read(_ name: String, in folder: URL) throws -> JSONValue? {
        let file = folder.appending(path: name)
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        let contents = try readTokenizerFile(file)
        do {
            return try contents.withUnsafeBytes { try JSONValue($0) }
        } catch let failure as JSONScanner.Failure {
            throw TokenizerError(
                "\(file.path) is not JSON: \(failure.problem) (at byte \(failure.offset))",
                remedy: "Correct the file, or copy or download it again.")
        }
    }
}

/// Reads a file of a tokenizer.
///
/// - Throws: ``TokenizerError`` when it cannot be read or has more bytes than the limit.
func readTokenizerFile(_ file: URL, limit: Int = 64 << 20) throws(TokenizerError) -> Data {
    let size = (try? file.resourceValues(forKeys: [.fileSizeKey]))?.fileSize ?? 0
    guard size <= limit else {
        throw TokenizerError(
            "\(file.path) has \(size) bytes, too many for a tokenizer",
            remedy: "Give the files of a tokenizer.")
    }
    guard let contents = try? Data(contentsOf: file) else {
        throw TokenizerError(
            "There is no readable file at \(file.path)",
            remedy: "Give a folder that holds a tokenizer, or the file of one.")
    }
    return contents
}
