// The same tokenizer as Hugging Face's `tokenizers` reads it (tokenizer.json), for programs that
// have no SentencePiece.
//
// SentencePiece joins the neighbours whose piece has the highest score; `tokenizers` joins those
// whose pair comes first in a list of merges. The list is every pair of pieces that makes a piece,
// by the score of what it makes. The two can differ only where one piece can be made of two
// overlapping pairs at once, such as "aaa" of "a"+"aa" and of "aa"+"a".

/// Writes a model as `tokenizer.json`.
struct TokenizerJSON {
    private let model: SentencePieceModel

    /// - Returns: `nil` for a model that the format would not give the same ids for: one that
    ///   changes text, or has symbols that are matched before all else.
    init?(_ model: SentencePieceModel) {
        guard model.keepsText, !model.pieces.contains(where: { $0.kind == .userDefined }) else {
            return nil
        }
        self.model = model
    }

    var text: String {
        let special = model.pieces.enumerated().filter {
            $0.element.kind == .unknown || $0.element.kind == .control
        }
        let added = special.map { id, piece in
            """
            {"id": \(id), "content": \(quoted(piece)), "single_word": false, "lstrip": false, \
            "rstrip": false, "normalized": false, "special": true}
            """
        }
        let vocabulary = model.pieces.enumerated().map { "\(quoted($0.element)): \($0.offset)" }
        let merges = merges.map { "[\(quoted($0.left)), \(quoted($0.right))]" }
        let unknown = special.first { $0.element.kind == .unknown }.map { quoted($0.element) }
        return """
            {
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": [
            \(added.joined(separator: ",\n"))
            ],
            "normalizer": {"type": "Sequence", "normalizers": [\(normalizers)]},
            "pre_tokenizer": null,
            "post_processor": \(postProcessor),
            "decoder": {"type": "Sequence", "decoders": [\(decoders)]},
            "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": \(unknown ?? "null"),
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": true,
            "byte_fallback": true,
            "ignore_merges": false,
            "vocab": {
            \(vocabulary.joined(separator: ",\n"))
            },
            "merges": [
            \(merges.joined(separator: ",\n"))
            ]
            }
            }

            """
    }

    private var normalizers: String {
        let replace = #"{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}"#
        return model.addsDummyPrefix
            ? #"{"type": "Prepend", "prepend": "▁"}, "# + replace : replace
    }

    private var decoders: String {
        let common =
            #"{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, "#
            + #"{"type": "ByteFallback"}, {"type": "Fuse"}"#
        return model.addsDummyPrefix
            ? common + #", {"type": "Strip", "content": " ", "start": 1, "stop": 0}"# : common
    }

    /// Puts `<s>` before the text, as LLaMA does.
    private var postProcessor: String {
        guard
            let id = model.pieces.firstIndex(where: {
                $0.kind == .control && $0.bytes == Array("<s>".utf8)
            })
        else { return "null" }
        let token = #"{"SpecialToken": {"id": "<s>", "type_id": 0}}"#
        return """
            {"type": "TemplateProcessing", \
            "single": [\(token), {"Sequence": {"id": "A", "type_id": 0}}], \
            "pair": [\(token), {"Sequence": {"id": "A", "type_id": 0}}, \
            \(token), {"Sequence": {"id": "B", "type_id": 1}}], \
            "special_tokens": {"<s>": {"id": "<s>", "ids": [\(id)], "tokens": ["<s>"]}}}
            """
    }

    private typealias Piece = SentencePieceModel.Piece

    /// Every pair of pieces that makes a piece, best first.
    private var merges: [(left: Piece, right: Piece)] {
        let normal = model.pieces.filter { $0.kind == .normal }
        let byBytes = Dictionary(normal.map { ($0.bytes, $0) }) { first, _ in first }
        var merges: [(left: Piece, right: Piece, score: Float)] = []
        for piece in normal where piece.bytes.count > 1 {
            for cut in 1..<piece.bytes.count where piece.bytes[cut] & 0xc0 != 0x80 {
                guard let left = byBytes[Array(piece.bytes[..<cut])],
                    let right = byBytes[Array(piece.bytes[cut...])]
                else { continue }
                merges.append((left, right, piece.score))
            }
        }
        // The sort is stable, so pairs of one piece stay in the order of their cuts.
        return merges.sorted { $0.score > $1.score }.map { ($0.left, $0.right) }
    }

    private func quoted(_ piece: Piece) -> String {
        var text = "\""
        for scalar in String(decoding: piece.bytes, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\0"..<" ":
                text +=
                    "\\u00" + (scalar.value < 16 ? "0" : "")
                    + String(scalar.value, radix: 16)
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
