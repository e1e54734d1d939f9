import CSentencePiece
import Foundation

extension SentencePieceTokenizer {
    /// Refuses a size that no tokenizer can be trained to, whatever the text.
    package static func check(vocabularySize: Int) throws(TokenizerError) {
        guard smallestVocabulary..<largestVocabulary ~= vocabularySize else {
            throw TokenizerError(
                "A vocabulary of \(vocabularySize) tokens is not possible",
                remedy: "Use \(smallestVocabulary) to \(largestVocabulary - 1) tokens.")
        }
    }

    /// Trains a BPE tokenizer with byte fallback.
    ///
    /// Text is kept as it is: no normalization, no dummy prefix, runs of spaces become pieces of
    /// their own so that indentation is short, digits are tokens of their own, and line feeds,
    /// tabs and rare characters are byte tokens. Ids 0, 1 and 2 are `<unk>`, `<s>` and `</s>`, as
    /// LLaMA's. The result depends on nothing but the documents, their order and the size.
    ///
    /// - Parameter documents: The training text; lines longer than 4096 bytes are cut.
    /// - Throws: ``TokenizerError`` when the size does not fit the text, saying which would.
    package static func train(
        vocabularySize: Int, on documents: some Sequence<String>
    ) throws(TokenizerError) -> SentencePieceTokenizer {
        try check(vocabularySize: vocabularySize)
        let sentences = Sentences(documents)
        let options = options(vocabularySize: vocabularySize)
        var model: UnsafeMutablePointer<CChar>?
        var size = 0
        let message = withCStrings(options.map(\.0)) { names in
            withCStrings(options.map(\.1)) { values in
                epas_sp_train(
                    names.baseAddress, values.baseAddress, options.count, Sentences.next,
                    Unmanaged.passUnretained(sentences).toOpaque(), &model, &size)
            }
        }
        if let message {
            defer { epas_sp_release(message) }
            throw trainingError(
                String(cString: message), vocabularySize: vocabularySize,
                isEmpty: sentences.isEmpty)
        }
        guard let model else { fatalError("SentencePiece returned neither a model nor an error") }
        defer { epas_sp_release(model) }
        let trained = try SentencePieceTokenizer(
            model: Data(bytes: model, count: size), name: "The trained tokenizer")
        guard trained.vocabularySize == vocabularySize else {
            throw TokenizerError(
                "The text is too small for a vocabulary of \(vocabularySize) tokens",
                remedy: "Use \(trained.vocabularySize) or fewer, or more text.")
        }
        return trained
    }

    /// Three special tokens, 256 bytes and one character.
    private static let smallestVocabulary = 260
    private static let largestVocabulary = 1 << 20

    private static func options(vocabularySize: Int) -> [(String, String)] {
        [
            ("model_type", "bpe"),
            ("vocab_size", "\(vocabularySize)"),
            // Whether the size was reached is checked here, where the reachable size is known.
            ("hard_vocab_limit", "false"),
            ("byte_fallback", "true"),
            ("character_coverage", "0.99995"),
            ("normalization_rule_name", "identity"),
            ("add_dummy_prefix", "false"),
            ("remove_extra_whitespaces", "false"),
            ("allow_whitespace_only_pieces", "true"),
            ("split_digits", "true"),
            ("unk_id", "0"), ("bos_id", "1"), ("eos_id", "2"), ("pad_id", "-1"),
            ("max_sentence_length", "\(2 * Sentences.longest)"),
            ("input_sentence_size", "0"),
            ("shuffle_input_sentence", "false"),
            // Only speeds up normalization, of which there is none; it is written into the model,
            // so it must not vary.
            ("num_threads", "1"),
        ]
    }

    private static func trainingError(
        _ message: String, vocabularySize: Int, isEmpty: Bool
    ) -> TokenizerError {
        if isEmpty {
            return TokenizerError(
                "There is no text to train a tokenizer on",
                remedy: "Give text, or a tokenizer that is already trained.")
        }
        // "Vocabulary size is smaller than required_chars. 300 vs 341. Increase ..."
        if let needed = message.firstMatch(of: /required_chars\. \d+ vs (\d+)/)?.1 {
            return TokenizerError(
                "A vocabulary of \(vocabularySize) tokens cannot hold the text's characters",
                remedy: "Use at least \(needed).")
        }
        return TokenizerError(
            "SentencePiece could not train a tokenizer: \(message)",
            remedy: "Use another vocabulary size or other text.")
    }
}

/// Feeds a corpus to the trainer in lines, since it takes no longer sentences and joins no pieces
/// across lines anyway.
private final class Sentences {
    /// In bytes. The trainer ends the process on words of more than 65535 characters.
    static let longest = 4096

    private(set) var isEmpty = true
    private var nextDocument: () -> String?
    private var document: [UInt8] = []
    private var position = 0
    /// The sentence that is lent, of at most ``longest`` bytes.
    private let sentence = UnsafeMutableRawBufferPointer.allocate(
        byteCount: longest, alignment: 1)
    private var sentenceSize = 0

    init(_ documents: some Sequence<String>) {
        var iterator = documents.makeIterator()
        nextDocument = { iterator.next() }
    }

    deinit {
        sentence.deallocate()
    }

    static let next: epas_sp_next_sentence = { context, text, size in
        guard let context, let text, let size else { return 0 }
        let sentences = Unmanaged<Sentences>.fromOpaque(context).takeUnretainedValue()
        guard sentences.advance() else { return 0 }
        text.pointee = UnsafePointer(
            sentences.sentence.bindMemory(to: CChar.self).baseAddress)
        size.pointee = sentences.sentenceSize
        return 1
    }

    /// Makes `sentence` the next one that is not empty.
    private func advance() -> Bool {
        while true {
            while position == document.count {
                guard let next = nextDocument() else { return false }
                document = Array(next.utf8)
                position = 0
            }
            let end = end()
            let range = position..<end
            position = end
            if position < document.count, document[position] == 0x0a { position += 1 }
            guard !range.isEmpty else { continue }
            sentence.copyBytes(from: document[range])
            sentenceSize = range.count
            isEmpty = false
            return true
        }
    }

    /// The end of the sentence at `position`: at a line feed, or else where a character starts.
    private func end() -> Int {
        let limit = min(position + Self.longest, document.count)
        if let line = document[position..<limit].firstIndex(of: 0x0a) { return line }
        if limit == document.count { return limit }
        var end = limit
        while document[end] & 0xc0 == 0x80 { end -= 1 }
        return end
    }
}

/// Lends an array of C strings for one call.
private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafeBufferPointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
    let copies = strings.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    return copies.map { UnsafePointer($0) }.withUnsafeBufferPointer(body)
}
