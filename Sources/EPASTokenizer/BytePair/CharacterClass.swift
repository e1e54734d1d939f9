/// Classes of characters that pre-tokenizers and added tokens ask for.
enum CharacterClass {
    /// `\w` of Unicode Technical Standard 18: letters, marks, digits, connectors, joiners.
    static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x80 {
            return scalar == "_" || isAlphanumeric(scalar)
        }
        guard scalar.isKnown(inUnicode: UnicodeProperty.newestVersion) else { return false }
        return scalar.properties.isJoinControl || isUnicodeWord(scalar)
    }

    /// The numbers of Latin-1 that are no digits.
    static func isLatinNumber(_ scalar: Unicode.Scalar) -> Bool {
        "²³¹¼½¾".unicodeScalars.contains(scalar)
    }

    /// `\w` of Oniguruma, which leaves out the joiners.
    static func isUnicodeWord(_ scalar: Unicode.Scalar) -> Bool {
        let properties = scalar.properties
        if properties.isAlphabetic { return true }
        switch properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation:
            return true
        default: return false
        }
    }

    /// A digit or another number.
    static func isNumeric(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x80 { return ("0"..."9").contains(scalar) }
        switch scalar.properties.generalCategory {
        case .decimalNumber, .letterNumber, .otherNumber:
            return scalar.isKnown(inUnicode: UnicodeProperty.newestVersion)
        default: return false
        }
    }

    static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x80 {
            return scalar > " " && scalar < "\u{7F}" && !isAlphanumeric(scalar)
        }
        // `tokenizers` takes this class from tables of Unicode 8, when three others counted in.
        if [0x166D, 0x111C9, 0x111CD].contains(scalar.value) { return true }
        return UnicodeProperty.punctuation.contains(scalar.properties.generalCategory)
            && scalar.isKnown(inUnicode: 8)
    }

    static func isWhitespace(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace }

    private static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
            || ("0"..."9").contains(scalar)
    }
}
