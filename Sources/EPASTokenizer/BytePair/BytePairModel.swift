// The model "BPE" of tokenizer.json: a word's characters become tokens, then neighbours join in
// the order of the list of merges.
//
// Source of the rules: tokenizers 0.23, models/bpe/{model,word}.rs
// (https://github.com/huggingface/tokenizers/tree/3ba8ad0061a885daf052bbb7bbd22857e73e0c4e).

/// Joins the characters of words into tokens.
struct BytePairModel: Sendable {
    /// The tokens' texts.
    let vocabulary: ByteTable
    /// Id of each text of `vocabulary`.
    private let ids: [Int32]
    /// Number in `vocabulary` of each id; -1 for an id that no token has.
    private let texts: [Int32]
    private let merges: MergeTable
    /// Tokens of the characters up to U+FFFF; -1 where there is none.
    private let characters: [Int32]
    /// Tokens of bytes, `<0x00>` to `<0xFF>`, for characters without a token; -1 where there is
    /// none. Empty without byte fallback.
    private let bytes: [Int32]
    private let unknown: Int32?
    private let fusesUnknown: Bool
    private let ignoresMerges: Bool
    /// Special tokens, which no text makes.
    private let special: Set<Int32>
    /// Whether no token spans the place before a space symbol that follows another character, so
    /// that a text may be cut there.
    let cutsAtSpaces: Bool

    /// U+2581, which stands for a space, in UTF-8.
    static let spaceSymbol: [UInt8] = [0xE2, 0x96, 0x81]

    /// - Parameter special: Ids that text must not make, whatever it spells; the unknown token,
    ///   which stands for text, is none of them.
    init(_ description: BytePairDescription, special: Set<Int32>) {
        let special = special.subtracting(description.unknown.map { [$0] } ?? [])
        let (vocabulary, ids) = (description.vocabulary, description.ids)
        self.vocabulary = vocabulary
        self.ids = ids
        self.special = special
        unknown = description.unknown
        fusesUnknown = description.fusesUnknown
        ignoresMerges = description.ignoresMerges

        var texts = [Int32](repeating: -1, count: Int(ids.max() ?? -1) + 1)
        for (index, id) in ids.enumerated() { texts[Int(id)] = Int32(index) }
        self.texts = texts

        func id(_ text: some Collection<UInt8>) -> Int32 {
            vocabulary.find(text).map { ids[$0] } ?? -1
        }
        characters = (0...0xFFFF as ClosedRange<UInt32>).map { value in
            guard let scalar = Unicode.Scalar(value) else { return -1 }
            let id = id(Array(String(scalar).utf8))
            return special.contains(id) ? -1 : id
        }
        let names = (0...0xFF).map { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            return "<0x\(byte < 16 ? "0" : "")\(digits)>"
        }
        bytes = description.hasByteFallback ? names.map { id($0.utf8) } : []

        var merges = MergeTable(capacity: description.merges.count)
        for merge in description.merges where !special.contains(merge.product) {
            merges.append(merge.left, merge.right, makes: merge.product)
        }
        self.merges = merges
        // Where unknown characters leave no token, those around them become neighbours.
        let leavesNothingOut = unknown != nil || !bytes.isEmpty && !bytes.contains(-1)
        cutsAtSpaces =
            !ignoresMerges && leavesNothingOut && id(Self.spaceSymbol) >= 0
            && !merges.products.contains {
                Self.hasInnerSpace(vocabulary[Int(texts[Int($0)])])
            }
    }

    /// Whether every byte has a token as a character of ``ByteAlphabet``.
    var hasAllBytes: Bool { ByteAlphabet.characters.allSatisfy { id(of: $0) != nil } }

    /// Ids are below this.
    var idLimit: Int { texts.count }

    func id(of text: some Collection<UInt8>) -> Int32? {
        vocabulary.find(text).map { ids[$0] }
    }

    /// The text of a token; `nil` if there is no such token.
    func text(of id: Int32) -> ArraySlice<UInt8>? {
        guard texts.indices.contains(Int(id)), texts[Int(id)] >= 0 else { return nil }
        return vocabulary[Int(texts[Int(id)])]
    }

    /// Appends the tokens of a word.
    ///
    /// Takes time of the order of n log n for n characters.
    func encode(
        _ word: UnsafeBufferPointer<UInt8>, into result: inout [Int32],
        _ workspace: inout Workspace
    ) {
        if word.count <= WordCache.longestWord {
            if workspace.cache.append(word, to: &result) { return }
            let start = result.count
            join(word, into: &result, &workspace)
            workspace.cache.insert(word, result[start...])
        } else {
            join(word, into: &result, &workspace)
        }
    }

    private func join(
        _ word: UnsafeBufferPointer<UInt8>, into result: inout [Int32],
        _ workspace: inout Workspace
    ) {
        if ignoresMerges, let index = vocabulary.find(word), !special.contains(ids[index]) {
            result.append(ids[index])
            return
        }
        workspace.tokens.removeAll(keepingCapacity: true)
        split(word, into: &workspace.tokens)
        workspace.joinTokens(by: merges)
        result.append(contentsOf: workspace.tokens)
    }

    /// The tokens of the word's characters.
    private func split(_ word: UnsafeBufferPointer<UInt8>, into tokens: inout [Int32]) {
        /// Whether an unknown token is due. As in `tokenizers` it waits for the next character
        /// that has a token, past characters that are written as bytes.
        var owesUnknown = false
        var position = 0
        while position < word.count {
            let (scalar, width) = UTF8Text.scalar(word, at: position)
            let character = UnsafeBufferPointer(rebasing: word[position..<(position + width)])
            position += width
            var id: Int32 = -1
            if scalar.value < 0x1_0000 {
                id = characters[Int(scalar.value)]
            } else if let index = vocabulary.find(character), !special.contains(ids[index]) {
                id = ids[index]
            }
            if id >= 0 {
                if owesUnknown, let unknown { tokens.append(unknown) }
                owesUnknown = false
                tokens.append(id)
            } else if !bytes.isEmpty, character.allSatisfy({ bytes[Int($0)] >= 0 }) {
                for byte in character { tokens.append(bytes[Int(byte)]) }
            } else if let unknown {
                if owesUnknown, !fusesUnknown { tokens.append(unknown) }
                owesUnknown = true
            }
        }
        if owesUnknown, let unknown { tokens.append(unknown) }
    }

    /// Whether a space symbol follows another character.
    private static func hasInnerSpace(_ text: ArraySlice<UInt8>) -> Bool {
        var text = text
        while text.starts(with: spaceSymbol) { text = text.dropFirst(3) }
        return text.indices.contains { text[$0] == 0xE2 && text[$0...].starts(with: spaceSymbol) }
    }
}
