import EPASTokenizer
import Foundation

extension FuzzTarget {
    /// A `tokenizer.json` that is JSON, with the parts around the model that the input chooses.
    ///
    /// Each part is a byte for what it is and one for the length of the text in it: a pattern, a
    /// replacement or an added token.
    func readParts(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes[...]
        var normalizers: [String] = []
        var preTokenizers: [String] = []
        var decoders: [String] = []
        var added: [String] = []
        let flags = rest.popFirst() ?? 0
        // Each step takes time; what is looked for is one that takes too much.
        while rest.count > 2, max(normalizers.count, preTokenizers.count, added.count) < 6 {
            let (kind, length) = (Int(rest.removeFirst()), Int(rest.removeFirst() % 48))
            let text = Self.quoted(String(decoding: rest.prefix(length), as: UTF8.self))
            rest = rest.dropFirst(length)
            func chosen(_ templates: [String]) -> String {
                templates[kind / 4 % templates.count].replacing("TEXT", with: text)
            }
            switch kind % 4 {
            case 0: normalizers.append(chosen(Self.normalizers))
            case 1: preTokenizers.append(chosen(Self.preTokenizers))
            case 2: decoders.append(chosen(Self.decoders))
            default:
                added.append(
                    """
                    {"id": \(Self.vocabularySize + added.count), "content": \(text), \
                    "single_word": \(kind & 4 != 0), "lstrip": \(kind & 8 != 0), \
                    "rstrip": \(kind & 16 != 0), "normalized": \(kind & 32 != 0), \
                    "special": \(kind & 64 != 0)}
                    """)
            }
        }
        func sequence(_ list: String, _ steps: [String]) -> String {
            steps.isEmpty
                ? "null" : #"{"type": "Sequence", "\#(list)": [\#(steps.joined(separator: ","))]}"#
        }
        let json = """
            {"version": "1.0", "added_tokens": [\(added.joined(separator: ","))], \
            "normalizer": \(sequence("normalizers", normalizers)), \
            "pre_tokenizer": \(sequence("pretokenizers", preTokenizers)), \
            "decoder": \(sequence("decoders", decoders)), \
            "model": {"type": "BPE", "unk_token": \(flags & 1 == 0 ? "\"<unk>\"" : "null"), \
            "fuse_unk": \(flags & 2 == 0), "byte_fallback": \(flags & 4 == 0), \
            "ignore_merges": \(flags & 8 == 0), \(Self.vocabulary)}}
            """
        let data = Array(json.utf8)
        data.withUnsafeBytes { readTokenizerJSON($0) }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\" + String(scalar)
            case "\0"..<" ":
                quoted +=
                    "\\u00" + (scalar.value < 16 ? "0" : "")
                    + String(scalar.value, radix: 16)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    private static let words = ["<unk>", "a", "b", "ab", "▁", "▁a", "Ġ", "e", "l", "o", "lo", "é"]
    private static let vocabularySize = words.count + 256
    private static let vocabulary: String = {
        let bytes = (0...255).map { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            return "<0x\(byte < 16 ? "0" : "")\(digits)>"
        }
        let entries = (words + bytes).enumerated().map { "\"\($0.element)\": \($0.offset)" }
        return """
            "vocab": {\(entries.joined(separator: ", "))}, \
            "merges": [["a", "b"], ["▁", "a"], ["l", "o"]]
            """
    }()

    private static let normalizers =
        ["NFC", "NFD", "NFKC", "NFKD", "Nmt", "Lowercase", "StripAccents", "ByteLevel"].map {
            "{\"type\": \"\($0)\"}"
        } + [
            #"{"type": "Prepend", "prepend": TEXT}"#,
            #"{"type": "Strip", "strip_left": true, "strip_right": true}"#,
            #"{"type": "Replace", "pattern": {"String": TEXT}, "content": "▁"}"#,
            #"{"type": "Replace", "pattern": {"String": "a"}, "content": TEXT}"#,
            #"{"type": "Replace", "pattern": {"Regex": TEXT}, "content": "bb"}"#,
            #"{"type": "Replace", "pattern": {"Regex": TEXT}, "content": ""}"#,
        ]
    private static let preTokenizers =
        ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"].flatMap {
            [
                #"{"type": "Split", "pattern": {"Regex": TEXT}, "behavior": "\#($0)", "#
                    + #""invert": false}"#,
                #"{"type": "Split", "pattern": {"String": TEXT}, "behavior": "\#($0)", "#
                    + #""invert": true}"#,
            ]
        } + [
            #"{"type": "Digits", "individual_digits": true}"#, #"{"type": "Whitespace"}"#,
            #"{"type": "WhitespaceSplit"}"#, #"{"type": "FixedLength", "length": 3}"#,
            #"{"type": "Punctuation", "behavior": "MergedWithNext"}"#,
            #"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": true}"#,
            #"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": false}"#,
            #"{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "#
                + #""use_regex": true}"#,
        ]
    private static let decoders = [
        #"{"type": "ByteFallback"}"#, #"{"type": "Fuse"}"#, #"{"type": "ByteLevel"}"#,
        #"{"type": "Strip", "content": " ", "start": 1, "stop": 2}"#,
        #"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}"#,
        #"{"type": "Replace", "pattern": {"Regex": TEXT}, "content": "x"}"#,
        #"{"type": "Replace", "pattern": {"String": TEXT}, "content": ""}"#,
        #"{"type": "BPEDecoder", "suffix": TEXT}"#,
    ]
}
