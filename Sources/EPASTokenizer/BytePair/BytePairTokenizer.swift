import Crypto
import EPASJSON
package import Foundation

/// The tokenizer of a `tokenizer.json` of type BPE, obeyed as Hugging Face's `tokenizers` does.
///
/// Cuts of a text to a length (`truncation`) and its extension (`padding`), which a file may ask
/// for, are not done, as transformers does neither unless asked.
package struct BytePairTokenizer: Tokenizer {
    package static let fileName = "tokenizer.json"
    /// Ten times the largest known to us.
    private static let mostFileBytes = 256 << 20
    /// Files of the folder that belong to the tokenizer.
    private static let companions = [
        "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja",
        SentencePieceTokenizer.fileName,
    ]

    package let vocabularySize: Int
    package let beginningOfSequence: Int32?
    package let endOfSequence: Int32?
    package let isLossless: Bool
    package let hash: String
    package let files: [TokenizerFile]

    private let model: BytePairModel
    private let normalizers: [Normalizer]
    private let preTokenizers: [PreTokenizer]
    private let decoders: [TokenDecoder]?
    private let added: [Int32: AddedToken]
    /// Looks for tokens in the text, and in the normalized text.
    private let finder: AddedTokenFinder
    private let normalizedFinder: AddedTokenFinder
    private let pool = WorkspacePool()

    /// Loads `tokenizer.json` from a folder, or the file itself.
    ///
    /// The tokens that begin and end a document are those that the file puts around a text; where
    /// it does not say, those that `tokenizer_config.json`, `special_tokens_map.json` or
    /// `generation_config.json` beside it name.
    ///
    /// - Throws: ``TokenizerError`` when there is none, or one that cannot be used.
    package init(at url: URL) throws {
        var isDirectory: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory)
        let file = isDirectory.boolValue ? url.appending(path: Self.fileName) : url
        let folder = file.deletingLastPathComponent()
        var companions: [TokenizerFile] = []
        for name in Self.companions {
            let file = folder.appending(path: name)
            guard FileManager.default.fileExists(atPath: file.path) else { continue }
            companions.append(
                TokenizerFile(name: name, contents: try readTokenizerFile(file)))
        }
        let names = try SpecialTokenNames(folder: folder)
        try self.init(
            json: try readTokenizerFile(file, limit: Self.mostFileBytes), name: file.path,
            companions: companions, names: names)
    }

    /// - Parameters:
    ///   - json: Contents of a `tokenizer.json`.
    ///   - name: What errors call it.
    package init(json: Data, name: String = fileName) throws(TokenizerError) {
        try self.init(json: json, name: name, companions: [], names: SpecialTokenNames())
    }

    private init(
        json: Data, name: String, companions: [TokenizerFile], names: SpecialTokenNames
    ) throws(TokenizerError) {
        let description = try json.withUnsafeBytes { bytes in
            Result { () throws(TokenizerError) in try TokenizerDescription(bytes, name: name) }
        }.get()
        let added = description.added
        model = BytePairModel(
            description.model, special: Set(added.filter(\.isSpecial).map(\.id)))
        normalizers = description.normalizers
        preTokenizers = description.preTokenizers
        decoders = description.decoders
        self.added = Dictionary(added.map { ($0.id, $0) }) { first, _ in first }
        finder = AddedTokenFinder(added.filter { !$0.isNormalized })
        normalizedFinder = AddedTokenFinder(added.filter(\.isNormalized))
        vocabularySize = max(model.idLimit, Int(added.map(\.id).max() ?? -1) + 1)
        isLossless = model.hasAllBytes && description.keepsBytes
        hash = SHA256.hash(data: json).map { String(format: "%02x", $0) }.joined()
        files = [TokenizerFile(name: Self.fileName, contents: json)] + companions

        let model = model
        func id(of token: String?) throws(TokenizerError) -> Int32? {
            guard let token else { return nil }
            let text = Array(token.utf8)
            if let id = added.first(where: { $0.content == text })?.id ?? model.id(of: text) {
                return id
            }
            throw TokenizerError(
                "\(names.source) names the token \"\(shown(token))\", which \(name) does not have",
                remedy: "Correct the name, or give both files of one tokenizer.")
        }
        let first = try id(of: names.beginning)
        beginningOfSequence = description.before ?? first
        let size = vocabularySize
        let named = try id(of: names.end)
        let last = description.after ?? named
        endOfSequence = last ?? names.endID.flatMap { $0 < size ? $0 : nil }
    }

    // MARK: - Encoding

    package func encode(_ text: String, allowingSpecial: Bool) -> [Int32] {
        encode(text, special: allowingSpecial ? .everywhere : .nowhere)
    }

    package func encode(_ text: String, untrusted: [Range<Int>]) -> [Int32] {
        encode(text, special: .outside(untrusted))
    }

    private func encode(_ text: String, special: SpecialText) -> [Int32] {
        var text = text
        return text.withUTF8 { bytes in
            pool.withWorkspace { workspace in
                var call = Call(workspace: workspace)
                call.ids.reserveCapacity(bytes.count / 3)
                workspace = Workspace()
                finder.forEachPart(of: bytes, special: special) { range, token in
                    if let token {
                        call.ids.append(token)
                    } else {
                        encodeText(
                            UnsafeBufferPointer(rebasing: bytes[range]),
                            isFirst: range.lowerBound == 0, special.within(range), &call)
                    }
                }
                workspace = call.workspace
                return call.ids
            }
        }
    }

    /// One call's state.
    private struct Call {
        var workspace: Workspace
        var ids: [Int32] = []
        let searcher = RegularExpression.Searcher()
    }

    /// Encodes a part without tokens that are looked for in the text as it is.
    private func encodeText(
        _ bytes: UnsafeBufferPointer<UInt8>, isFirst: Bool, _ special: SpecialText,
        _ call: inout Call
    ) {
        let text = normalized(Array(bytes), isFirst: isFirst, call)
        guard !normalizedFinder.isEmpty else { return encodePieces(of: text, &call) }
        guard case .outside(let ranges) = special else {
            return encodeTokens(of: text, special, &call)
        }
        // In the normalized text the ranges are other ones. Where their text makes no difference
        // to the special tokens that are found, none of it spells one.
        var masked = Array(bytes)
        for range in ranges { for place in range { masked[place] = UInt8(ascii: "x") } }
        let plain = normalized(masked, isFirst: isFirst, call)
        if specialTokens(of: plain) == specialTokens(of: text) {
            return encodeTokens(of: text, .everywhere, &call)
        }
        var start = 0
        while start < bytes.count {
            let run = special.run(at: start)
            let end = min(run.end, bytes.count)
            encodeTokens(
                of: normalized(Array(bytes[start..<end]), isFirst: isFirst && start == 0, call),
                run.isInside ? .nowhere : .everywhere, &call)
            start = end
        }
    }

    private func normalized(
        _ bytes: [UInt8], isFirst: Bool, _ call: borrowing Call
    ) -> Normalizer.Text {
        var text = Normalizer.Text(
            bytes: bytes, first: isFirst ? min(UTF8Text.width(bytes[0]), bytes.count) : 0)
        for normalizer in normalizers { normalizer.apply(to: &text, call.searcher) }
        return text
    }

    /// The special tokens that a normalized text spells, in order.
    private func specialTokens(of text: Normalizer.Text) -> [Int32] {
        var ids: [Int32] = []
        text.bytes.withUnsafeBufferPointer { bytes in
            normalizedFinder.forEachPart(of: bytes, special: .everywhere) { _, token in
                if let token, added[token]?.isSpecial == true { ids.append(token) }
            }
        }
        return ids
    }

    /// Encodes a normalized part, with the tokens that are looked for in it.
    private func encodeTokens(
        of text: Normalizer.Text, _ special: SpecialText, _ call: inout Call
    ) {
        let (whole, first) = (text.bytes, text.first)
        whole.withUnsafeBufferPointer { whole in
            normalizedFinder.forEachPart(
                of: whole, special: special
            ) { range, token in
                if let token {
                    call.ids.append(token)
                } else {
                    encodePieces(
                        of: Normalizer.Text(
                            bytes: Array(whole[range]),
                            first: max(0, min(first - range.lowerBound, range.count))),
                        &call)
                }
            }
        }
    }

    /// Encodes a normalized part without added tokens.
    private func encodePieces(of text: Normalizer.Text, _ call: inout Call) {
        var pieces = PreTokenizer.Pieces(text)
        for step in preTokenizers { step.apply(to: &pieces, call.searcher) }
        pieces.text.bytes.withUnsafeBufferPointer { bytes in
            for range in pieces.ranges {
                let word = UnsafeBufferPointer(rebasing: bytes[range])
                if model.cutsAtSpaces, word.count > WordCache.longestWord / 4 {
                    encodeParts(of: word, &call)
                } else {
                    model.encode(word, into: &call.ids, &call.workspace)
                }
            }
        }
    }

    /// Encodes a long word in parts that begin with spaces: no token spans two of them.
    private func encodeParts(of word: UnsafeBufferPointer<UInt8>, _ call: inout Call) {
        let space = BytePairModel.spaceSymbol
        func isSpace(_ position: Int) -> Bool {
            position + 2 < word.count && word[position] == space[0]
                && word[position + 1] == space[1] && word[position + 2] == space[2]
        }
        var start = 0
        var position = 0
        var lastWasSpace = true
        while position < word.count {
            let isSpace = isSpace(position)
            if isSpace, !lastWasSpace {
                model.encode(
                    UnsafeBufferPointer(rebasing: word[start..<position]), into: &call.ids,
                    &call.workspace)
                start = position
            }
            lastWasSpace = isSpace
            position += isSpace ? 3 : 1
        }
        model.encode(
            UnsafeBufferPointer(rebasing: word[start...]), into: &call.ids, &call.workspace)
    }

    // MARK: - Decoding

    package func decode(_ ids: [Int32]) -> String {
        var texts: [[UInt8]] = []
        texts.reserveCapacity(ids.count)
        for id in ids {
            if let token = added[id] {
                if !token.isSpecial { texts.append(token.pattern) }
            } else if let text = model.text(of: id) {
                texts.append(Array(text))
            }
        }
        guard let decoders else {
            return String(decoding: Array(texts.joined(separator: [0x20])), as: UTF8.self)
        }
        let searcher = RegularExpression.Searcher()
        for decoder in decoders { decoder.apply(to: &texts, searcher) }
        return String(decoding: Array(texts.joined()), as: UTF8.self)
    }

    package func symbol(of id: Int32) -> TokenSymbol? {
        if let token = added[id] {
            return token.isSpecial
                ? .special(String(decoding: token.content, as: UTF8.self)) : nil
        }
        guard let text = model.text(of: id) else { return nil }
        return (decoders ?? []).lazy.compactMap { $0.bytes(of: Array(text)) }.first
            .map(TokenSymbol.bytes)
    }
}
