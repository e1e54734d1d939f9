import EPASJSON

/// Reads the parts of a tokenizer.json around the model, collecting what cannot be honoured.
struct ComponentReader {
    /// Steps of one kind; real files have up to a dozen.
    private static let mostSteps = 64
    /// How many times longer replacements may make a text.
    private static let mostGrowth = 256
    /// Bytes that a replacement or a prefix may have.
    private static let longestContent = 1024

    var problems = Problems()

    // MARK: - Fields

    /// One part of the file: its keys by name.
    struct Component {
        let value: JSONValue
        /// Such as `pre_tokenizer.Split`.
        let name: String

        subscript(key: String) -> JSONValue? {
            value[key].flatMap { $0.isNull ? nil : $0 }
        }
    }

    mutating func text(_ component: Component, _ key: String) -> String {
        guard let text = component[key]?.string else {
            refuse(component, key, "is not a text")
            return ""
        }
        return text
    }

    mutating func flag(
        _ component: Component, _ key: String, default standard: Bool? = nil
    ) -> Bool {
        guard let value = component[key] else {
            if standard == nil { refuse(component, key, "is not true or false") }
            return standard ?? false
        }
        if value.boolean == nil { refuse(component, key, "is not true or false") }
        return value.boolean ?? false
    }

    mutating func count(
        _ component: Component, _ key: String, default standard: Int? = nil
    ) -> Int {
        let value = component[key].map(\.integer) ?? standard
        guard let value, value >= 0 else {
            refuse(component, key, "is not a whole number of at least 0")
            return 0
        }
        return value
    }

    mutating func character(_ component: Component, _ key: String) -> Unicode.Scalar {
        let scalars = component[key]?.string?.unicodeScalars
        guard let scalars, let scalar = scalars.first, scalars.count == 1 else {
            refuse(component, key, "is not one character")
            return " "
        }
        return scalar
    }

    mutating func choice<Choice: RawRepresentable<String>>(
        _ component: Component, _ key: String, default standard: Choice
    ) -> Choice {
        guard let value = component[key] else { return standard }
        guard let choice = value.string.flatMap(Choice.init(rawValue:)) else {
            refuse(component, key, "is unknown")
            return standard
        }
        return choice
    }

    /// A pattern: `{"String": …}` or `{"Regex": …}`.
    mutating func pattern(_ component: Component, _ key: String) -> TextPattern {
        if let text = component[key]?["String"]?.string { return .text(Array(text.utf8)) }
        guard let text = component[key]?["Regex"]?.string else {
            refuse(component, key, "is neither a String nor a Regex")
            return .text([])
        }
        do throws(RegularExpression.Failure) {
            return .regularExpression(try RegularExpression(text))
        } catch {
            problems.add(
                "\(component.name).\(key) \"\(shown(text))\" is not a regular expression: "
                    + error.problem)
            return .text([])
        }
    }

    private mutating func content(_ component: Component, _ key: String) -> [UInt8] {
        let content = Array(text(component, key).utf8)
        if content.count > Self.longestContent {
            problems.add(
                "\(component.name).\(key) has \(content.count) bytes, more than "
                    + "\(Self.longestContent)")
        }
        return content
    }

    private mutating func refuse(_ component: Component, _ key: String, _ what: String) {
        let value = component[key].map { " \($0.quotation)" } ?? ""
        problems.add(
            "\(component.name).\(key)\(value) \(component[key] == nil ? "is missing" : what)")
    }

    // MARK: - Steps

    /// The steps of a part, those of sequences one after another.
    ///
    /// - Parameter known: The keys of each type that can be honoured.
    private mutating func steps(
        _ value: JSONValue?, _ part: String, list: String, known: [String: Set<String>]
    ) -> [(type: String, component: Component)] {
        guard let value, !value.isNull else { return [] }
        guard case .object(let entries) = value, let type = value["type"]?.string else {
            problems.add("\(part) \(value.quotation) has no type")
            return []
        }
        let component = Component(value: value, name: "\(part).\(shown(type))")
        if type == "Sequence" {
            guard case .array(let elements) = value[list] else {
                refuse(component, list, "is not a list")
                return []
            }
            var steps: [(type: String, component: Component)] = []
            for element in elements {
                steps += self.steps(element, part, list: list, known: known)
                guard steps.count <= Self.mostSteps else {
                    problems.add("\(part) has more than \(Self.mostSteps) steps")
                    return []
                }
            }
            return steps
        }
        guard let keys = known[type] else {
            problems.add("\(part) \"\(shown(type))\" is not supported")
            return []
        }
        for (key, value) in entries where key != "type" && !keys.contains(key) && !value.isNull {
            problems.add("\(component.name).\(shown(key)) is unknown")
        }
        return [(type, component)]
    }

    /// Refuses steps that together make a text too long.
    private mutating func checkGrowth(_ factors: [Int], _ part: String) {
        var growth = 1
        for factor in factors {
            growth = min(growth * max(factor, 1), Self.mostGrowth + 1)
        }
        if growth > Self.mostGrowth {
            problems.add("\(part) can make a text more than \(Self.mostGrowth) times as long")
        }
    }

    private func growth(_ pattern: TextPattern, _ content: [UInt8]) -> Int {
        switch pattern {
        case .text(let wanted): content.count / max(wanted.count, 1)
        // An expression can match one character, or the nothing before it.
        case .regularExpression: content.count + 1
        }
    }

    mutating func normalizers(_ value: JSONValue?) -> [Normalizer] {
        var factors: [Int] = []
        let steps = steps(
            value, "normalizer", list: "normalizers",
            known: [
                "Prepend": ["prepend"], "Replace": ["pattern", "content"], "NFC": [], "NFD": [],
                "NFKC": [], "NFKD": [], "Lowercase": [], "Strip": ["strip_left", "strip_right"],
                "StripAccents": [], "Nmt": [], "ByteLevel": [],
            ]
        ).map { type, component -> Normalizer in
            switch type {
            case "Prepend": return .prepend(content(component, "prepend"))
            case "Replace":
                let pattern = pattern(component, "pattern")
                let content = content(component, "content")
                factors.append(growth(pattern, content))
                return .replace(pattern, content)
            case "Lowercase": return .lowercase
            case "Strip":
                return .strip(
                    left: flag(component, "strip_left"), right: flag(component, "strip_right"))
            case "StripAccents": return .stripAccents
            case "Nmt": return .nmt
            case "ByteLevel":
                factors.append(2)
                return .byteLevel
            default: return .unicode(UnicodeForm(rawValue: type) ?? .nfc)
            }
        }
        checkGrowth(factors, "normalizer")
        return steps
    }

    mutating func preTokenizers(_ value: JSONValue?) -> [PreTokenizer] {
        steps(
            value, "pre_tokenizer", list: "pretokenizers",
            known: [
                "Split": ["pattern", "behavior", "invert"], "Metaspace": Self.metaspaceKeys,
                "ByteLevel": Self.byteLevelKeys, "Digits": ["individual_digits"],
                "Punctuation": ["behavior"], "Whitespace": [], "WhitespaceSplit": [],
                "CharDelimiterSplit": ["delimiter"], "FixedLength": ["length"],
            ]
        ).map { type, component in
            switch type {
            case "Split":
                if component["behavior"] == nil { refuse(component, "behavior", "") }
                return .split(
                    pattern(component, "pattern"),
                    choice(component, "behavior", default: .isolated),
                    isInverted: flag(component, "invert"))
            case "Metaspace": return .metaspace(metaspace(component))
            case "ByteLevel":
                let splits = flag(component, "use_regex", default: true)
                return .byteLevel(
                    addsPrefixSpace: flag(component, "add_prefix_space"),
                    splits: splits ? Self.gpt2Words : nil)
            case "Digits":
                return .digits(flag(component, "individual_digits") ? .isolated : .contiguous)
            case "Punctuation":
                return .punctuation(choice(component, "behavior", default: .isolated))
            case "Whitespace": return .whitespace
            case "WhitespaceSplit": return .whitespaceSplit
            case "CharDelimiterSplit": return .delimiter(character(component, "delimiter"))
            default:
                let length = count(component, "length", default: 5)
                if length == 0 { refuse(component, "length", "is 0") }
                return .fixedLength(max(length, 1))
            }
        }
    }

    /// `nil` when the file has no decoder: then the tokens are joined by spaces.
    mutating func decoders(_ value: JSONValue?) -> [TokenDecoder]? {
        guard let value, !value.isNull else { return nil }
        var factors: [Int] = []
        let steps = steps(
            value, "decoder", list: "decoders",
            known: [
                "ByteLevel": Self.byteLevelKeys, "ByteFallback": [], "Fuse": [],
                "Replace": ["pattern", "content"], "Strip": ["content", "start", "stop"],
                "Metaspace": Self.metaspaceKeys, "BPEDecoder": ["suffix"],
            ]
        ).map { type, component -> TokenDecoder in
            switch type {
            case "ByteLevel": return .byteLevel
            case "ByteFallback": return .byteFallback
            case "Fuse": return .fuse
            case "Replace":
                let pattern = pattern(component, "pattern")
                let content = content(component, "content")
                factors.append(growth(pattern, content))
                return .replace(pattern, content)
            case "Strip":
                return .strip(
                    character(component, "content"), start: count(component, "start"),
                    stop: count(component, "stop"))
            case "Metaspace":
                let metaspace = metaspace(component)
                return .metaspace(
                    replacement: metaspace.replacement, hasPrefix: metaspace.prefix != .never)
            default: return .wordSuffix(content(component, "suffix"))
            }
        }
        checkGrowth(factors, "decoder")
        return steps
    }

    private static let metaspaceKeys: Set = [
        "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep",
    ]
    private static let byteLevelKeys: Set = ["add_prefix_space", "trim_offsets", "use_regex"]

    private mutating func metaspace(_ component: Component) -> PreTokenizer.Metaspace {
        let replacement = character(component, "replacement")
        var prefix = choice(
            component, "prepend_scheme", default: PreTokenizer.Metaspace.Prefix.always)
        if component["add_prefix_space"]?.boolean == false {
            if component["prepend_scheme"] != nil, prefix != .never {
                refuse(component, "add_prefix_space", "does not agree with prepend_scheme")
            }
            prefix = .never
        }
        return PreTokenizer.Metaspace(
            replacement: Array(String(replacement).utf8), prefix: prefix,
            splits: flag(component, "split", default: true))
    }

    /// The words of GPT-2 (https://github.com/openai/gpt-2/blob/master/src/encoder.py).
    private static let gpt2Words: RegularExpression = {
        do {
            return try RegularExpression(
                #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#)
        } catch {
            fatalError("the expression of GPT-2's words: \(error)")
        }
    }()

    // MARK: - Special tokens around a text

    /// Ids that the post-processor puts before and after a text.
    mutating func surroundings(_ value: JSONValue?) -> (before: [Int], after: [Int]) {
        var (before, after) = ([Int](), [Int]())
        let steps = steps(
            value, "post_processor", list: "processors",
            known: [
                "TemplateProcessing": ["single", "pair", "special_tokens"],
                "ByteLevel": Self.byteLevelKeys,
                "RobertaProcessing": ["sep", "cls", "trim_offsets", "add_prefix_space"],
                "BertProcessing": ["sep", "cls"],
            ])
        for (type, component) in steps {
            switch type {
            case "ByteLevel": continue
            case "TemplateProcessing":
                let (first, last) = template(component)
                before = first + before
                after += last
            default:
                before = namedToken(component, "cls") + before
                after += namedToken(component, "sep")
            }
        }
        if before.count > 1 || after.count > 1 {
            problems.add("post_processor puts more than one token before or after a text")
        }
        return (before, after)
    }

    /// A name and an id, as in `"cls": ["<s>", 0]`.
    private mutating func namedToken(_ component: Component, _ key: String) -> [Int] {
        guard case .array(let pair) = component[key], pair.count == 2, let id = pair[1].integer
        else {
            refuse(component, key, "is not a name and an id")
            return []
        }
        return [id]
    }

    private mutating func template(_ component: Component) -> (before: [Int], after: [Int]) {
        guard case .array(let pieces) = component["single"] else {
            refuse(component, "single", "is not a list")
            return ([], [])
        }
        var (before, after) = ([Int](), [Int]())
        var texts = 0
        for piece in pieces {
            if piece["Sequence"] != nil {
                texts += 1
            } else if let name = piece["SpecialToken"]?["id"]?.string,
                case .array(let ids) = component["special_tokens"]?[name]?["ids"]
            {
                for id in ids {
                    guard let id = id.integer else {
                        problems.add("\(component.name): an id of \"\(shown(name))\" is no id")
                        continue
                    }
                    if texts == 0 { before.append(id) } else { after.append(id) }
                }
            } else {
                problems.add("\(component.name).single: \(piece.quotation) is unknown")
            }
        }
        if texts != 1 { problems.add("\(component.name).single does not have the text once") }
        return (before, after)
    }
}
