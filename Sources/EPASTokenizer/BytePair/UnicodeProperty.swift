import COnig

// The characters of Unicode's general categories, for regular expressions.
//
// Oniguruma brings tables of its own. Debian's 6.9.8 knows Unicode 14, while the library that
// `tokenizers` is built with knows Unicode 16, so some 9,000 newer letters would be split in
// another way. The Swift library knows the age of every character: we take those up to Unicode 16
// and hand them over under the names that a pattern uses.

/// Hands general categories to Oniguruma.
enum UnicodeProperty {
    /// Characters of later versions are unassigned to `tokenizers` 0.23.
    static let newestVersion = 16
    /// Names that Oniguruma accepts.
    private static let mostNames = 20

    /// Names of the characters of `\w`, which has none of its own: alone, and in brackets, where
    /// Oniguruma leaves out the numbers of Latin-1 that are no digits.
    private static let word = "EPASWord"
    private static let listedWord = "EPASListedWord"

    /// Makes what a pattern asks for (`\p{L}`, `\w`, `\d`) that of Unicode 16.
    ///
    /// - Returns: The pattern to compile.
    /// - Precondition: One thread at a time.
    static func prepare(_ pattern: String, defined: inout Set<String>) -> String {
        let pattern = naming(pattern)
        for name in names(in: pattern) where !defined.contains(name) {
            guard defined.count < mostNames, let contains = test(name) else { continue }
            let pairs = ranges(where: contains)
            let result = pairs.withUnsafeBufferPointer {
                epas_onig_define_property(name, $0.baseAddress, $0.count / 2)
            }
            if result == 0 { defined.insert(name) }
        }
        return pattern
    }

    /// The pattern with names instead of `\d`, `\D`, `\w` and `\W`.
    private static func naming(_ pattern: String) -> String {
        var result: [UInt8] = []
        var rest = Array(pattern.utf8)[...]
        /// Brackets that are open.
        var depth = 0
        while let byte = rest.popFirst() {
            let word = depth > 0 ? listedWord : word
            guard byte == UInt8(ascii: "\\"), let letter = rest.popFirst() else {
                if byte == UInt8(ascii: "[") { depth += 1 }
                if byte == UInt8(ascii: "]") { depth -= 1 }
                result.append(byte)
                continue
            }
            switch letter {
            case UInt8(ascii: "d"): result += Array(#"\p{Nd}"#.utf8)
            case UInt8(ascii: "D"): result += Array(#"\P{Nd}"#.utf8)
            case UInt8(ascii: "w"): result += Array(#"\p{\#(word)}"#.utf8)
            case UInt8(ascii: "W"): result += Array(#"\P{\#(word)}"#.utf8)
            default: result += [byte, letter]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Names in `\p{…}` and `\P{…}`, without `^`, space, `-` and `_`. Oniguruma looks them up
    /// as they are written, in capitals or not.
    private static func names(in pattern: String) -> [String] {
        var names: [String] = []
        var rest = Array(pattern.utf8)[...]
        while let start = rest.firstIndex(of: UInt8(ascii: "\\")) {
            rest = rest[start...].dropFirst()
            guard let letter = rest.popFirst() else { break }
            guard letter | 0x20 == UInt8(ascii: "p"), rest.first == UInt8(ascii: "{"),
                let end = rest.firstIndex(of: UInt8(ascii: "}"))
            else { continue }
            let name = String(decoding: rest[rest.startIndex..<end].dropFirst(), as: UTF8.self)
            names.append(name.filter { !"^ -_".contains($0) })
            rest = rest[end...]
        }
        return names
    }

    /// Whether a character of a category has a property; `nil` for names left to Oniguruma.
    private static func test(
        _ name: String
    ) -> ((Unicode.Scalar, Unicode.GeneralCategory) -> Bool)? {
        if name == word {
            return { scalar, _ in
                CharacterClass.isUnicodeWord(scalar) || CharacterClass.isLatinNumber(scalar)
            }
        }
        if name == listedWord { return { scalar, _ in CharacterClass.isUnicodeWord(scalar) } }
        guard let categories = categories[name.lowercased()] else { return nil }
        return { _, category in categories.contains(category) }
    }

    /// First and last code point of each run of characters.
    private static func ranges(
        where contains: (Unicode.Scalar, Unicode.GeneralCategory) -> Bool
    ) -> [UInt32] {
        var pairs: [UInt32] = []
        for (scalar, category) in characters where contains(scalar, category) {
            if let last = pairs.last, last + 1 == scalar.value {
                pairs[pairs.count - 1] = scalar.value
            } else {
                pairs += [scalar.value, scalar.value]
            }
        }
        return pairs
    }

    /// The characters of Unicode 16 and their categories, private ones left out.
    private static let characters: [(Unicode.Scalar, Unicode.GeneralCategory)] = {
        // Between and after these nothing is assigned.
        let values = Array(0..<0x3_4000) + Array(0xE_0000..<0xE_0200) as [UInt32]
        return values.compactMap { value in
            // A small letter until Unicode 16, another letter since.
            if value == 0x295 { return ("\u{295}", .lowercaseLetter) }
            guard let scalar = Unicode.Scalar(value) else { return nil }
            let category = scalar.properties.generalCategory
            guard category != .unassigned, category != .privateUse,
                scalar.isKnown(inUnicode: newestVersion)
            else { return nil }
            return (scalar, category)
        }
    }()

    private static let letters: Set<Unicode.GeneralCategory> = [
        .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
    ]
    private static let marks: Set<Unicode.GeneralCategory> = [
        .nonspacingMark, .spacingMark, .enclosingMark,
    ]
    private static let numbers: Set<Unicode.GeneralCategory> = [
        .decimalNumber, .letterNumber, .otherNumber,
    ]
    static let punctuation: Set<Unicode.GeneralCategory> = [
        .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
        .initialPunctuation, .finalPunctuation, .otherPunctuation,
    ]
    private static let symbols: Set<Unicode.GeneralCategory> = [
        .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol,
    ]

    /// Short and long names of the categories (Unicode Standard Annex 44, table 12).
    private static let categories: [String: Set<Unicode.GeneralCategory>] = [
        "l": letters, "letter": letters,
        "lu": [.uppercaseLetter], "uppercaseletter": [.uppercaseLetter],
        "ll": [.lowercaseLetter], "lowercaseletter": [.lowercaseLetter],
        "lt": [.titlecaseLetter], "titlecaseletter": [.titlecaseLetter],
        "lm": [.modifierLetter], "modifierletter": [.modifierLetter],
        "lo": [.otherLetter], "otherletter": [.otherLetter],
        "m": marks, "mark": marks, "combiningmark": marks,
        "mn": [.nonspacingMark], "nonspacingmark": [.nonspacingMark],
        "mc": [.spacingMark], "spacingmark": [.spacingMark],
        "me": [.enclosingMark], "enclosingmark": [.enclosingMark],
        "n": numbers, "number": numbers,
        "nd": [.decimalNumber], "decimalnumber": [.decimalNumber],
        "nl": [.letterNumber], "letternumber": [.letterNumber],
        "no": [.otherNumber], "othernumber": [.otherNumber],
        "p": punctuation, "punctuation": punctuation,
        "pc": [.connectorPunctuation], "pd": [.dashPunctuation], "ps": [.openPunctuation],
        "pe": [.closePunctuation], "pi": [.initialPunctuation], "pf": [.finalPunctuation],
        "po": [.otherPunctuation], "otherpunctuation": [.otherPunctuation],
        "s": symbols, "symbol": symbols,
        "sm": [.mathSymbol], "sc": [.currencySymbol], "sk": [.modifierSymbol],
        "so": [.otherSymbol],
    ]
}

extension Unicode.Scalar {
    /// Whether the version of Unicode, or one before it, assigns the character.
    func isKnown(inUnicode version: Int) -> Bool {
        // All of ASCII is as old as Unicode.
        value < 0x80 || properties.age.map { $0.major <= version } ?? false
    }
}
