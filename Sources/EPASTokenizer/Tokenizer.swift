package import Foundation

/// Turns text into token ids and back.
package protocol Tokenizer: Sendable {
    /// Number of token ids; ids are `0..<vocabularySize`.
    var vocabularySize: Int { get }

    /// The token that starts a document (`<s>`), where the vocabulary has one.
    var beginningOfSequence: Int32? { get }

    /// The token that ends a document (`</s>`), where the vocabulary has one.
    var endOfSequence: Int32? { get }

    /// Whether decoding is known to give back any text that was encoded.
    var isLossless: Bool { get }

    /// SHA-256 of the model file, in hexadecimal: two tokenizers with one hash give equal ids.
    var hash: String { get }

    /// The files of the tokenizer's folder, to be written beside a model that uses it.
    var files: [TokenizerFile] { get }

    /// Returns the ids of the text; no special token is added.
    ///
    /// - Parameter allowingSpecial: Whether text that spells a special token (`</s>`) becomes that
    ///   token. Only for text that no stranger wrote, such as a chat template's.
    func encode(_ text: String, allowingSpecial: Bool) -> [Int32]

    /// Returns the ids of a text that strangers wrote parts of, such as a rendered chat; no special
    /// token is added. A special token is one only where its whole text lies outside those parts;
    /// all else is as in the whole text.
    ///
    /// - Parameter untrusted: Ranges of the text's UTF-8 bytes, in order, within the text.
    func encode(_ text: String, untrusted: [Range<Int>]) -> [Int32]

    /// Returns the text of the ids. Special tokens have no text; an id outside the vocabulary
    /// reads as an unknown token or has none; bytes that are not UTF-8 become U+FFFD.
    func decode(_ ids: [Int32]) -> String

    /// What a token is beside the text that ``decode(_:)`` gives, if anything.
    func symbol(of id: Int32) -> TokenSymbol?
}

/// A token that is not simply a piece of text.
package enum TokenSymbol: Hashable, Sendable {
    /// One without text, by its name, such as `</s>`.
    case special(String)
    /// Bytes, which need not be whole characters.
    case bytes([UInt8])
}

/// A file of a tokenizer's folder.
package struct TokenizerFile: Sendable, Hashable {
    /// Such as `tokenizer.model`.
    package let name: String
    package let contents: Data

    package init(name: String, contents: Data) {
        self.name = name
        self.contents = contents
    }
}

extension Tokenizer {
    package func symbol(of id: Int32) -> TokenSymbol? { nil }

    /// Returns the ids of the text. No special token is added, and text that spells one stays
    /// text.
    package func encode(_ text: String) -> [Int32] { encode(text, allowingSpecial: false) }

    /// Writes the tokenizer's files into a folder that exists.
    package func write(to directory: URL) throws {
        for file in files {
            try file.contents.write(to: directory.appending(path: file.name))
        }
    }
}

/// Loads the tokenizer of a folder, or of a `tokenizer.json` or `tokenizer.model` file.
///
/// A folder's `tokenizer.json` is obeyed where there is one, as everybody else's tools do, except
/// where it is the copy that we write beside a `tokenizer.model` of our own: then the model, whose
/// hash datasets and checkpoints carry, is the tokenizer.
///
/// - Throws: ``TokenizerError`` when there is none, or one that cannot be used.
package func loadTokenizer(at url: URL) throws -> any Tokenizer {
    func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: url.appending(path: name).path)
    }
    let name = url.lastPathComponent
    if name.hasSuffix(".json") { return try BytePairTokenizer(at: url) }
    guard exists(BytePairTokenizer.fileName) else { return try SentencePieceTokenizer(at: url) }
    if exists(SentencePieceTokenizer.fileName),
        let tokenizer = try? SentencePieceTokenizer(at: url),
        let copy = tokenizer.files.first(where: { $0.name == BytePairTokenizer.fileName }),
        copy.contents == (try? Data(contentsOf: url.appending(path: copy.name)))
    {
        return tokenizer
    }
    return try BytePairTokenizer(at: url)
}
