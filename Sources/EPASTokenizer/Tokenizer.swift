package import Foundation

/// Turns text into token ids and back.
package protocol Tokenizer: Sendable {
    /// Number of token ids; ids are `0..<vocabularySize`.
    var vocabularySize: Int { get }

    /// The token that starts a document (`<s>`), where the vocabulary has one.
    var beginningOfSequence: Int32? { get }

    /// The token that ends a document (`</s>`), where the vocabulary has one.
    var endOfSequence: Int32? { get }

    /// SHA-256 of the model file, in hexadecimal: two tokenizers with one hash give equal ids.
    var hash: String { get }

    /// The files of the tokenizer's folder, to be written beside a model that uses it.
    var files: [TokenizerFile] { get }

    /// Returns the ids of the text. No special token is added, and text that spells one
    /// (`</s>`) stays text.
    func encode(_ text: String) -> [Int32]

    /// Returns the text of the ids. Special tokens have no text; an id outside the vocabulary
    /// reads as an unknown token; bytes that are not UTF-8 become U+FFFD.
    func decode(_ ids: [Int32]) -> String
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
    /// Writes the tokenizer's files into a folder that exists.
    package func write(to directory: URL) throws {
        for file in files {
            try file.contents.write(to: directory.appending(path: file.name))
        }
    }
}

/// Loads the tokenizer of a folder, or of a `tokenizer.model` file.
///
/// - Throws: ``TokenizerError`` when there is no model, or one that cannot be used.
package func loadTokenizer(at url: URL) throws -> any Tokenizer {
    try SentencePieceTokenizer(at: url)
}
