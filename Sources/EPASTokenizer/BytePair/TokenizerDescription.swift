import EPASJSON

/// What a tokenizer.json says, checked.
struct TokenizerDescription {
    var added: [AddedToken] = []
    var normalizers: [Normalizer] = []
    var preTokenizers: [PreTokenizer] = []
    /// `nil` when the file has none.
    var decoders: [TokenDecoder]?
    /// Ids that the post-processor puts before and after a text.
    var before: Int32?
    var after: Int32?
    var model: BytePairDescription

    /// Whether a text goes to the model and comes back byte for byte: it is not normalized, its
    /// words are not changed and none is left out, and its bytes are written as characters.
    var keepsBytes: Bool {
        guard normalizers.isEmpty, !added.contains(where: { !$0.isSpecial && $0.changesText }),
            case .byteLevel(addsPrefixSpace: false, _) = preTokenizers.last,
            let decoders, decoders.count == 1, case .byteLevel = decoders[0]
        else { return false }
        return preTokenizers.dropLast().allSatisfy { step in
            switch step {
            case .split(_, let behavior, _): behavior != .removed
            case .digits, .fixedLength: true
            default: false
            }
        }
    }

    /// Values of the file besides the vocabulary and the merges.
    private static let mostValues = 1 << 18
    /// Bytes of what an added token is normalized to.
    private static let longestPattern = 4096

    /// - Parameter name: What errors call the file.
    /// - Throws: ``TokenizerError`` that names everything that cannot be honoured.
    init(_ bytes: UnsafeRawBufferPointer, name: String) throws(TokenizerError) {
        var problems = Problems()
        do throws(JSONScanner.Failure) {
            var scanner = JSONScanner(bytes)
            var parts: [String: JSONValue] = [:]
            var model: BytePairDescription?
            var keys: Set<String> = []
            var budget = Self.mostValues
            try scanner.beginObject()
            while let key = try scanner.nextKey(isFirst: keys.isEmpty) {
                guard keys.insert(key).inserted else {
                    throw scanner.failure("key \"\(shown(key))\" is written twice")
                }
                if key == "model" {
                    if scanner.peek() == UInt8(ascii: "{") {
                        model = try BytePairDescription(&scanner, problems: &problems)
                    } else {
                        try scanner.skipValue()
                    }
                } else {
                    parts[key] = try JSONValue(&scanner, depth: 1, budget: &budget)
                }
            }
            try scanner.end()
            if model == nil { problems.add("model is missing or not an object") }
            self.model = model ?? BytePairDescription()
            read(parts, &problems)
        } catch {
            throw TokenizerError(
                "\(name) is not JSON: \(error.problem) (at byte \(error.offset))",
                remedy: "Correct the file, or copy or download it again.")
        }
        guard problems.isEmpty else {
            throw TokenizerError(
                "\(name) cannot be used: \(problems.text)",
                remedy: "Give the tokenizer.json of a BPE tokenizer that does without.")
        }
    }

    private mutating func read(_ parts: [String: JSONValue], _ problems: inout Problems) {
        let known: Set = [
            "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
            "post_processor", "decoder",
        ]
        for key in parts.keys.sorted() where !known.contains(key) {
            problems.add("\(shown(key)) is unknown")
        }
        if let version = parts["version"], version.string != "1.0" {
            problems.add("version \(version.quotation) is not \"1.0\"")
        }
        var reader = ComponentReader(problems: problems)
        normalizers = reader.normalizers(parts["normalizer"])
        preTokenizers = reader.preTokenizers(parts["pre_tokenizer"])
        decoders = reader.decoders(parts["decoder"])
        let (before, after) = reader.surroundings(parts["post_processor"])
        problems = reader.problems
        readAdded(parts["added_tokens"], &problems)
        self.before = token(before.first, "before", &problems)
        self.after = token(after.first, "after", &problems)
    }

    private func token(_ id: Int?, _ place: String, _ problems: inout Problems) -> Int32? {
        guard let id else { return nil }
        guard let token = Int32(exactly: id),
            added.contains(where: { $0.id == token }) || model.ids.contains(token)
        else {
            problems.add("post_processor puts id \(id) \(place) a text, which no token has")
            return nil
        }
        return token
    }

    // MARK: - Added tokens

    /// `tokenizers` does not take the ids of added tokens from the file but gives them out in
    /// order: that of the vocabulary, else the next after it. A file that says otherwise means
    /// different tokens to different programs, and is refused.
    private mutating func readAdded(_ value: JSONValue?, _ problems: inout Problems) {
        guard let value, !value.isNull else { return }
        guard case .array(let entries) = value else {
            return problems.add("added_tokens is not a list")
        }
        var nextID = Int32(model.ids.count)
        var contents = ByteTable()
        var patterns = (ByteTable(), ByteTable())
        for (number, entry) in entries.enumerated() {
            guard let (token, content) = addedToken(entry, number, &problems) else { continue }
            let place = "added token \"\(shown(content))\""
            guard contents.insert(token.content) != nil else {
                problems.add("\(place) is given twice")
                continue
            }
            let expected = model.id(of: token.content) ?? nextID
            if expected == nextID { nextID += 1 }
            guard token.id == expected else {
                problems.add("\(place) has id \(token.id), but \(expected) is its place")
                continue
            }
            let isNew =
                token.isNormalized
                ? patterns.1.insert(token.pattern) : patterns.0.insert(token.pattern)
            guard !token.pattern.isEmpty, isNew != nil else {
                problems.add("\(place) is normalized to nothing, or to what another one is")
                continue
            }
            added.append(token)
        }
        if let id = added.map(\.id).max(), id >= BytePairDescription.mostIDs {
            problems.add("there are more than \(BytePairDescription.mostIDs) tokens")
        }
    }

    private func addedToken(
        _ entry: JSONValue, _ number: Int, _ problems: inout Problems
    ) -> (AddedToken, content: String)? {
        func flag(_ key: String) -> Bool? { entry[key]?.boolean }
        guard let content = entry["content"]?.string, let id = entry["id"]?.integer,
            let single = flag("single_word"), let left = flag("lstrip"),
            let right = flag("rstrip"), let normalized = flag("normalized"),
            let special = flag("special")
        else {
            problems.add(
                "added token \(number + 1) lacks one of id, content, single_word, lstrip, rstrip, "
                    + "normalized and special, or has a wrong value")
            return nil
        }
        guard id >= 0, id < BytePairDescription.mostIDs else {
            problems.add("added token \"\(shown(content))\" has id \(id)")
            return nil
        }
        let bytes = Array(content.utf8)
        guard !bytes.isEmpty, bytes.count <= AddedTokenFinder.longestContent else {
            problems.add(
                "added token \(number + 1) has \(bytes.count) bytes, not 1 to "
                    + "\(AddedTokenFinder.longestContent)")
            return nil
        }
        var pattern = bytes
        if normalized {
            var text = Normalizer.Text(bytes: bytes, first: 0)
            let searcher = RegularExpression.Searcher()
            for normalizer in normalizers {
                normalizer.apply(to: &text, searcher)
                // A file of many tokens must not take forever.
                guard text.bytes.count <= Self.longestPattern else {
                    problems.add(
                        "added token \"\(shown(content))\" is normalized to more than "
                            + "\(Self.longestPattern) bytes")
                    return nil
                }
            }
            pattern = text.bytes
        }
        let token = AddedToken(
            id: Int32(id), content: bytes, pattern: pattern, isSingleWord: single,
            stripsLeft: left, stripsRight: right, isNormalized: normalized, isSpecial: special)
        return (token, content)
    }
}
