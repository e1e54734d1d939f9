import Foundation

extension SentencePieceTokenizer {
    /// `tokenizer.model`, and `tokenizer_config.json` which tells transformers how to load it.
    package var files: [TokenizerFile] {
        [
            TokenizerFile(name: Self.fileName, contents: model),
            TokenizerFile(name: "tokenizer_config.json", contents: Data(configuration.utf8)),
        ]
    }

    private var configuration: String {
        """
        {
          "tokenizer_class": "LlamaTokenizer",
          "add_bos_token": \(beginningOfSequence != nil),
          "add_eos_token": false,
          "add_prefix_space": \(addsDummyPrefix),
          "bos_token": "<s>",
          "eos_token": "</s>",
          "unk_token": "<unk>",
          "clean_up_tokenization_spaces": false,
          "legacy": false,
          "sp_model_kwargs": {}
        }

        """
    }
}
