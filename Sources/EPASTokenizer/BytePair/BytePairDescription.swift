import EPASJSON

/// What the `model` of a tokenizer.json says.
struct BytePairDescription {
    typealias Merge = (left: Int32, right: Int32, product: Int32)

    var vocabulary = ByteTable()
    /// Id of each text of `vocabulary`.
    var ids: [Int32] = []
    /// Best first.
    var merges: [Merge] = []
    var unknown: Int32?
    var fusesUnknown = false
    var hasByteFallback = false
    var ignoresMerges = false

    /// Ids are below this, sixteen times the largest vocabulary known to us.
    static let mostIDs = 1 << 22

    func id(of text: some Collection<UInt8>) -> Int32? {
        vocabulary.find(text).map { ids[$0] }
    }

    init() {}

    /// Reads the object that comes next.
    ///
    /// - Parameter problems: What cannot be honoured is added here.
    init(
        _ scanner: inout JSONScanner, problems: inout Problems
    ) throws(JSONScanner.Failure) {
        var keys: Set<String> = []
        var mergesAt: JSONScanner?
        var unknownName: String?
        var hasVocabulary = false
        var kind: String?
        try scanner.beginObject()
        while let key = try scanner.nextKey(isFirst: keys.isEmpty) {
            guard keys.insert(key).inserted else {
                throw scanner.failure("key \"\(shown(key))\" is written twice")
            }
            switch key {
            case "vocab":
                try readVocabulary(&scanner, &problems)
                hasVocabulary = true
            case "merges":
                // They need the vocabulary, which may come later.
                mergesAt = scanner
                try scanner.skipValue()
            default:
                var budget = 16
                let value = try JSONValue(&scanner, depth: 2, budget: &budget)
                switch key {
                case "type": kind = value.string
                case "unk_token": unknownName = text(value, key, &problems)
                case "fuse_unk": fusesUnknown = flag(value, key, &problems)
                case "byte_fallback": hasByteFallback = flag(value, key, &problems)
                case "ignore_merges": ignoresMerges = flag(value, key, &problems)
                case "dropout":
                    if !value.isNull, value.double != 0 {
                        problems.add(
                            "model.dropout \(value.quotation) would make the ids random")
                    }
                case "continuing_subword_prefix", "end_of_word_suffix":
                    if !value.isNull, value.string != "" {
                        problems.add("model.\(key) \(value.quotation) is not supported")
                    }
                default: problems.add("model.\(shown(key)) is unknown")
                }
            }
        }
        guard kind == "BPE" else {
            problems.add("model.type is \(kind.map { "\"\(shown($0))\"" } ?? "missing"), not BPE")
            return
        }
        if !hasVocabulary { problems.add("model.vocab is missing") }
        if var mergesAt {
            try readMerges(&mergesAt, &problems)
        } else {
            problems.add("model.merges is missing")
        }
        if let unknownName {
            unknown = id(of: unknownName.utf8)
            if unknown == nil {
                problems.add("model.unk_token \"\(shown(unknownName))\" is not in the vocabulary")
            }
        }
    }

    private func text(_ value: JSONValue, _ key: String, _ problems: inout Problems) -> String? {
        if !value.isNull, value.string == nil {
            problems.add("model.\(key) \(value.quotation) is not a text")
        }
        return value.string
    }

    private func flag(_ value: JSONValue, _ key: String, _ problems: inout Problems) -> Bool {
        if !value.isNull, value.boolean == nil {
            problems.add("model.\(key) \(value.quotation) is not true or false")
        }
        return value.boolean ?? false
    }

    private mutating func readVocabulary(
        _ scanner: inout JSONScanner, _ problems: inout Problems
    ) throws(JSONScanner.Failure) {
        guard scanner.peek() == UInt8(ascii: "{") else {
            problems.add("model.vocab is not an object")
            return try scanner.skipValue()
        }
        var taken: Set<Int32> = []
        try scanner.beginObject()
        while var token = try scanner.nextKey(isFirst: ids.isEmpty) {
            let start = scanner
            let isNumber = scanner.peek().map { "-0123456789".utf8.contains($0) } ?? false
            var number: String?
            if isNumber { number = try scanner.number() } else { try scanner.skipValue() }
            guard token.withUTF8({ vocabulary.insert($0) }) != nil else {
                throw start.failure("the token \"\(shown(token))\" is written twice")
            }
            var id = number.flatMap { Int32($0) } ?? -1
            if id < 0 || id >= Self.mostIDs {
                problems.add(
                    "the id of token \"\(shown(token))\" is not a whole number from 0 to "
                        + "\(Self.mostIDs - 1)")
                id = 0
            } else if !taken.insert(id).inserted {
                problems.add("id \(id) of token \"\(shown(token))\" is another token's too")
            }
            ids.append(id)
        }
    }

    private mutating func readMerges(
        _ scanner: inout JSONScanner, _ problems: inout Problems
    ) throws(JSONScanner.Failure) {
        guard scanner.peek() == UInt8(ascii: "[") else {
            return problems.add("model.merges is not a list")
        }
        try scanner.beginArray()
        var number = 0
        while try scanner.hasElement(isFirst: number == 0) {
            number += 1
            let parts = try mergeParts(&scanner)
            guard let parts else { continue }
            guard parts.count == 2 else {
                problems.add("merge \(number) is not a pair of tokens")
                continue
            }
            let product = Array(parts[0].utf8) + Array(parts[1].utf8)
            guard let left = id(of: parts[0].utf8), let right = id(of: parts[1].utf8),
                let joined = id(of: product)
            else {
                let absent = parts.first { id(of: $0.utf8) == nil } ?? parts[0] + parts[1]
                problems.add(
                    "merge \(number) names \"\(shown(absent))\", which is not in the vocabulary")
                continue
            }
            merges.append((left, right, joined))
        }
    }

    /// The tokens that a merge names; `nil` for a line with a version.
    private func mergeParts(
        _ scanner: inout JSONScanner
    ) throws(JSONScanner.Failure) -> [String]? {
        if scanner.peek() == UInt8(ascii: "\"") {
            let line = try scanner.string()
            if line.hasPrefix("#version") { return nil }
            return line.utf8.split(separator: 0x20, omittingEmptySubsequences: false).map {
                String(decoding: $0, as: UTF8.self)
            }
        }
        guard scanner.peek() == UInt8(ascii: "[") else {
            try scanner.skipValue()
            return []
        }
        try scanner.beginArray()
        var parts: [String] = []
        var isFirst = true
        while try scanner.hasElement(isFirst: isFirst) {
            isFirst = false
            if scanner.peek() == UInt8(ascii: "\""), parts.count < 3 {
                parts.append(try scanner.string())
            } else {
                try scanner.skipValue()
                parts = ["", "", ""]
            }
        }
        return parts
    }
}

/// What is wrong with a file: the first of many are kept.
struct Problems {
    private static let mostKept = 12
    private(set) var kept: [String] = []
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func add(_ problem: String) {
        count += 1
        if kept.count < Self.mostKept { kept.append(problem) }
    }

    var text: String {
        let more = count > kept.count ? "; and \(count - kept.count) more" : ""
        return kept.joined(separator: "; ") + more
    }
}
