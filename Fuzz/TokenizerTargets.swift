import EPASTokenizer
import Foundation

extension FuzzTarget {
    /// Texts that reach every part of a tokenizer: spaces, digits, several scripts, characters of
    /// every length in UTF-8, text that spells special tokens, and a word without end.
    private static let texts = [
        "", " ", "\u{0}", "Hello  world, it's 1234567!\r\n\tif x:\n    y", "</s><s><unk><|x|> a",
        "e\u{301}\u{FB01} Ａ日本語テキスト 안녕 \u{1F469}\u{200D}\u{1F4BB}", "▁ ▁Ġ\u{FFFD}<0x0A>",
        String(repeating: "ab", count: 40), String(repeating: "a", count: 60),
    ]

    func readTokenizerJSON(_ bytes: UnsafeRawBufferPointer) {
        guard let tokenizer = try? BytePairTokenizer(json: Data(bytes)) else { return }
        use(tokenizer, bytes)
    }

    func readTokenizerModel(_ bytes: UnsafeRawBufferPointer) {
        guard let tokenizer = try? SentencePieceTokenizer(model: Data(bytes)) else { return }
        // Made of the model, so its contents are the input's.
        _ = tokenizer.files
        use(tokenizer, bytes)
    }

    private func use(_ tokenizer: any Tokenizer, _ bytes: UnsafeRawBufferPointer) {
        let size = Int32(tokenizer.vocabularySize)
        let own = String(decoding: bytes.suffix(64), as: UTF8.self)
        for text in Self.texts + [own] {
            for allowingSpecial in [false, true] {
                let ids = tokenizer.encode(text, allowingSpecial: allowingSpecial)
                guard ids.allSatisfy({ (0..<size).contains($0) }) else {
                    fatalError("ids outside the vocabulary of \(size): \(ids)")
                }
                let decoded = tokenizer.decode(ids)
                if tokenizer.isLossless, !allowingSpecial, !decoded.utf8.elementsEqual(text.utf8) {
                    fatalError("\(text.debugDescription) came back as \(decoded.debugDescription)")
                }
            }
        }
        var stream = TextStream(tokenizer: tokenizer, after: [])
        for id in [-1, 0, 1, 2, size / 2, size - 1, size, .max] { _ = stream.append(id) }
        _ = tokenizer.decode([Int32](0..<min(size, 512)))
    }
}
