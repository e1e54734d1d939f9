import EPASJSON
import Foundation

extension ModelExport {
    /// Files of tokenizers that are copied as they are.
    private static let tokenizerFiles = [
        "tokenizer.model", "tokenizer.json", "special_tokens_map.json", "added_tokens.json",
        "chat_template.jinja", "chat_template.json",
    ]
    private static let tokenizerConfig = "tokenizer_config.json"

    /// Copies the tokenizer.
    ///
    /// Beside a `tokenizer.json`, the class in `tokenizer_config.json` becomes
    /// `PreTrainedTokenizerFast`, with which transformers 4 and 5 obey that file; of `LlamaTokenizer`
    /// transformers 5 keeps the vocabulary and the merges and makes the rest anew.
    func copyTokenizer(to draft: URL) throws {
        for name in Self.tokenizerFiles {
            if let file = try given(name) { try write(Data(file.bytes), name, draft) }
        }
        guard let config = try given(Self.tokenizerConfig) else { return }
        guard try given("tokenizer.json") != nil else {
            return try write(Data(config.bytes), Self.tokenizerConfig, draft)
        }
        let url = source.url.appendingPathComponent(Self.tokenizerConfig)
        guard case .object(var entries) = try JSONValue.load(url) else {
            throw CheckpointError(
                url.path, "it is not an object", remedy: "Correct the file, or remove it.")
        }
        entries.removeAll { ["tokenizer_class", "auto_map"].contains($0.0) }
        entries.append(("tokenizer_class", .string("PreTrainedTokenizerFast")))
        try write(
            Data(JSONValue.object(entries).indentedText.utf8), Self.tokenizerConfig, draft)
    }
}
