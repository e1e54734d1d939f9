import CSentencePiece
import Crypto
package import Foundation

/// A SentencePiece BPE tokenizer, as LLaMA's.
///
/// With byte fallback and no text normalization, which is how ``train(vocabularySize:on:)`` makes
/// them and how LLaMA's are, decoding gives back the text that was encoded, whatever it is.
package struct SentencePieceTokenizer: Tokenizer {
    /// The file that holds the model.
    package static let fileName = "tokenizer.model"

    /// Far more than any vocabulary needs (LLaMA's takes half a megabyte).
    private static let mostModelBytes = 256 << 20

    package let vocabularySize: Int
    package let beginningOfSequence: Int32?
    package let endOfSequence: Int32?
    package let hash: String
    /// The model file's contents.
    package let model: Data

    /// The model as its file says.
    private let processor: Processor
    /// The model without dummy prefix, and where its text may be cut; `nil` where cutting would
    /// change the ids.
    private let parts: (processor: Processor, cutter: TextCutter)?
    /// Remembers the words of texts that may be cut.
    private let pool = WorkspacePool()
    private let checked: SentencePieceModel
    private let unknown: Int32
    /// Finds the model's control symbols and its unknown token, as its tokenizer.json does.
    private let special: AddedTokenFinder

    /// Loads `tokenizer.model` from a folder, or the model file itself.
    ///
    /// - Throws: ``TokenizerError`` when there is none, or one that cannot be used.
    package init(at url: URL) throws {
        var isDirectory: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory)
        let file = isDirectory.boolValue ? url.appending(path: Self.fileName) : url
        guard exists, FileManager.default.isReadableFile(atPath: file.path) else {
            throw TokenizerError(
                "There is no readable tokenizer at \(file.path)",
                remedy:
                    "Give a folder that holds tokenizer.json or \(Self.fileName), or such a file.")
        }
        let size = (try? file.resourceValues(forKeys: [.fileSizeKey]))?.fileSize ?? 0
        guard size <= Self.mostModelBytes else {
            throw TokenizerError(
                "\(file.path) has \(size) bytes, too many for a tokenizer",
                remedy: "Give a SentencePiece BPE model.")
        }
        try self.init(model: try Data(contentsOf: file), name: file.path)
    }

    /// - Parameters:
    ///   - model: Contents of a `tokenizer.model` file.
    ///   - name: What errors call it.
    package init(model: Data, name: String = fileName) throws(TokenizerError) {
        let checked = try SentencePieceModel(Array(model), name: name)
        processor = try Processor(model, name: name)
        parts =
            checked.keepsText
            ? (try Processor(model + Self.withoutDummyPrefix, name: name), TextCutter(checked))
            : nil
        self.checked = checked
        special = AddedTokenFinder(
            checked.pieces.enumerated().filter {
                $0.element.kind == .control || $0.element.kind == .unknown
            }.map { id, piece in
                AddedToken(
                    id: Int32(id), content: piece.bytes, pattern: piece.bytes, isSpecial: true)
            })
        vocabularySize = Int(epas_sp_vocabulary_size(processor.handle))
        unknown = epas_sp_unknown_id(processor.handle)
        let beginning = epas_sp_beginning_id(processor.handle)
        let end = epas_sp_end_id(processor.handle)
        beginningOfSequence = beginning < 0 ? nil : beginning
        endOfSequence = end < 0 ? nil : end
        hash = SHA256.hash(data: model).map { String(format: "%02x", $0) }.joined()
        self.model = model
    }

    package var files: [TokenizerFile] { Self.files(of: checked, contents: model) }

    /// Whether decoding gives back any text that was encoded.
    package var isLossless: Bool { parts != nil }

    /// `normalizer_spec { add_dummy_prefix: false }`. Appended to a serialized model it replaces
    /// that one setting: of a repeated embedded message, fields merge and the last value wins.
    private static let withoutDummyPrefix = Data([0x1a, 0x02, 0x18, 0x00])

    /// Takes time linear in the length of the text, up to a logarithm within a run without
    /// spaces or line ends.
    package func encode(_ text: String, allowingSpecial: Bool) -> [Int32] {
        allowingSpecial ? encode(text, special: .everywhere) : encodePart(text)
    }

    package func encode(_ text: String, untrusted: [Range<Int>]) -> [Int32] {
        encode(text, special: .outside(untrusted))
    }

    private func encode(_ text: String, special allowed: SpecialText) -> [Int32] {
        var text = text
        var ids: [Int32] = []
        text.withUTF8 { bytes in
            special.forEachPart(of: bytes, special: allowed) { range, token in
                if let token {
                    ids.append(token)
                } else {
                    ids += encodePart(String(decoding: bytes[range], as: UTF8.self))
                }
            }
        }
        return ids
    }

    /// Encodes text, whatever it spells.
    private func encodePart(_ text: String) -> [Int32] {
        var text = text
        if text.isEmpty { return [] }
        guard let parts else { return text.withUTF8 { processor.encode($0) } }
        if checked.addsDummyPrefix { text = " " + text }
        return text.withUTF8 { bytes in
            var ids: [Int32] = []
            ids.reserveCapacity(bytes.count / 3)
            pool.withWorkspace { workspace in
                parts.cutter.forEachPart(of: bytes) { part in
                    switch part {
                    case .text(let range):
                        let word = UnsafeBufferPointer(rebasing: bytes[range])
                        guard word.count <= WordCache.longestWord else {
                            return ids += parts.processor.encode(word)
                        }
                        if workspace.cache.append(word, to: &ids) { return }
                        let own = parts.processor.encode(word)
                        workspace.cache.insert(word, own[...])
                        ids += own
                    case .spaceSymbol: ids += parts.cutter.spaceSymbol
                    }
                }
            }
            return ids
        }
    }

    package func decode(_ ids: [Int32]) -> String {
        processor.decode(ids.map { 0..<Int32(vocabularySize) ~= $0 ? $0 : unknown })
    }

    package func symbol(of id: Int32) -> TokenSymbol? {
        guard checked.pieces.indices.contains(Int(id)) else { return nil }
        let piece = checked.pieces[Int(id)]
        let text = String(decoding: piece.bytes, as: UTF8.self)
        switch piece.kind {
        case .control, .unknown: return .special(text)
        case .byte: return UInt8(text.dropFirst(3).prefix(2), radix: 16).map { .bytes([$0]) }
        case .normal, .userDefined, .unused: return nil
        }
    }
}

/// The library's model object.
private final class Processor: @unchecked Sendable {
    // @unchecked: the library's encoding and decoding functions are const and keep no state.
    let handle: OpaquePointer

    init(_ model: Data, name: String) throws(TokenizerError) {
        var loaded: OpaquePointer?
        let message = model.withUnsafeBytes { bytes in
            epas_sp_load(bytes.bindMemory(to: CChar.self).baseAddress, bytes.count, &loaded)
        }
        if let message {
            defer { epas_sp_release(message) }
            throw TokenizerError(
                "\(name) cannot be used: \(String(cString: message))",
                remedy: "Give the tokenizer.model of a SentencePiece BPE tokenizer.")
        }
        guard let loaded else { fatalError("SentencePiece returned neither a model nor an error") }
        handle = loaded
    }

    deinit {
        epas_sp_free(handle)
    }

    func encode(_ bytes: UnsafeBufferPointer<UInt8>) -> [Int32] {
        var ids: UnsafeMutablePointer<Int32>?
        var count = 0
        let message = bytes.withMemoryRebound(to: CChar.self) {
            epas_sp_encode(handle, $0.baseAddress, $0.count, &ids, &count)
        }
        // A checked model encodes every text, so only want of memory leads here.
        if let message { fatalError("SentencePiece could not encode: \(String(cString: message))") }
        defer { epas_sp_release(ids) }
        return Array(UnsafeBufferPointer(start: ids, count: count))
    }

    func decode(_ ids: [Int32]) -> String {
        var text: UnsafeMutablePointer<CChar>?
        var size = 0
        let message = epas_sp_decode(handle, ids, ids.count, &text, &size)
        if let message { fatalError("SentencePiece could not decode: \(String(cString: message))") }
        defer { epas_sp_release(text) }
        return String(decoding: UnsafeRawBufferPointer(start: text, count: size), as: UTF8.self)
    }
}
