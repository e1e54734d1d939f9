import Foundation

extension SentencePieceTokenizer {
    /// `tokenizer.model`; `tokenizer.json`, the same for programs without SentencePiece, where
    /// that format can express it; and `tokenizer_config.json`, which tells transformers how to
    /// load either.
    static func files(of model: SentencePieceModel, contents: Data) -> [TokenizerFile] {
        let json = TokenizerJSON(model)
        let names = ["unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"]
        let tokens = names.sorted { $0.key < $1.key }.compactMap { key, name in
            model.pieces.contains { $0.bytes == Array(name.utf8) }
                ? "  \"\(key)\": \"\(name)\",\n" : nil
        }
        let configuration = """
            {
              "tokenizer_class": "\(json == nil ? "LlamaTokenizer" : "PreTrainedTokenizerFast")",
            \(tokens.joined())\
              "add_bos_token": true,
              "add_eos_token": false,
              "add_prefix_space": \(model.addsDummyPrefix),
              "clean_up_tokenization_spaces": false,
              "legacy": false
            }

            """
        var files = [
            TokenizerFile(name: fileName, contents: contents),
            TokenizerFile(name: "tokenizer_config.json", contents: Data(configuration.utf8)),
        ]
        if let json {
            files.append(TokenizerFile(name: "tokenizer.json", contents: Data(json.text.utf8)))
        }
        return files
    }
}
