// Classes of characters and changes of case as Python's `str` has them.
// Source: CPython 3.11, Objects/unicodeobject.c and Objects/unicodectype.c.

/// What `str.isspace` accepts and `str.strip` drops.
func isSpace(_ unit: UInt32) -> Bool {
    switch unit & ~Text.mark {
    case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F,
        0x205F, 0x3000:
        true
    default: false
    }
}

/// What `str.splitlines` cuts at.
func isLineEnd(_ unit: UInt32) -> Bool {
    switch unit & ~Text.mark {
    case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
    default: false
    }
}

func isAlphabetic(_ unit: UInt32) -> Bool {
    switch scalar(unit).properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
}

func isDecimal(_ unit: UInt32) -> Bool {
    scalar(unit).properties.generalCategory == .decimalNumber
}

func isDigit(_ unit: UInt32) -> Bool {
    switch scalar(unit).properties.numericType {
    case .decimal, .digit: true
    default: false
    }
}

func isNumeric(_ unit: UInt32) -> Bool { scalar(unit).properties.numericType != nil }

func isAlphanumeric(_ unit: UInt32) -> Bool { isAlphabetic(unit) || isNumeric(unit) }

/// What a regular expression's `\w` matches.
func isWordCharacter(_ unit: UInt32) -> Bool { isAlphanumeric(unit) || scalar(unit) == "_" }

func isTitlecase(_ unit: UInt32) -> Bool {
    scalar(unit).properties.generalCategory == .titlecaseLetter
}

func isLowercase(_ unit: UInt32) -> Bool { scalar(unit).properties.isLowercase }

func isUppercase(_ unit: UInt32) -> Bool { scalar(unit).properties.isUppercase }

func isCased(_ unit: UInt32) -> Bool {
    isLowercase(unit) || isUppercase(unit) || isTitlecase(unit)
}

/// What `repr` writes as it is.
func isPrintable(_ unit: UInt32) -> Bool {
    let scalar = scalar(unit)
    if scalar == " " { return true }
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
        .paragraphSeparator, .spaceSeparator:
        return false
    default: return true
    }
}

extension Text {
    private static func mapped(_ unit: UInt32, _ mapping: String, to result: inout [UInt32]) {
        for scalar in mapping.unicodeScalars { result.append(scalar.value | unit & mark) }
    }

    func uppercased() -> Text {
        var result: [UInt32] = []
        for unit in units {
            Self.mapped(unit, scalar(unit).properties.uppercaseMapping, to: &result)
        }
        return with(result)
    }

    func lowercased() -> Text {
        var result: [UInt32] = []
        for position in units.indices { appendLowercase(position, to: &result) }
        return with(result)
    }

    /// A sigma at the end of a word has a form of its own.
    private func appendLowercase(_ position: Int, to result: inout [UInt32]) {
        let unit = units[position]
        guard scalar(unit) == "\u{3A3}" else {
            return Self.mapped(unit, scalar(unit).properties.lowercaseMapping, to: &result)
        }
        func isIgnored(_ unit: UInt32) -> Bool { scalar(unit).properties.isCaseIgnorable }
        let before = units[..<position].last { !isIgnored($0) }
        let after = units[(position + 1)...].first { !isIgnored($0) }
        let isFinal = before.map(isCased) == true && after.map(isCased) != true
        result.append((isFinal ? 0x3C2 : 0x3C3) | unit & Self.mark)
    }

    func capitalized() -> Text {
        var result: [UInt32] = []
        for position in units.indices {
            if position == 0 {
                let mapping = scalar(units[0]).properties.titlecaseMapping
                Self.mapped(units[0], mapping, to: &result)
            } else {
                appendLowercase(position, to: &result)
            }
        }
        return with(result)
    }

    /// `str.title`: a letter after anything but a letter is a capital.
    func titlecased() -> Text {
        var result: [UInt32] = []
        var followsLetter = false
        for (position, unit) in units.enumerated() {
            if followsLetter {
                appendLowercase(position, to: &result)
            } else {
                Self.mapped(unit, scalar(unit).properties.titlecaseMapping, to: &result)
            }
            followsLetter = isCased(unit)
        }
        return with(result)
    }

    /// The filter `title`: words are cut at white space and at `-({[<`.
    func titledWords() -> Text {
        var result: [UInt32] = []
        var isFirst = true
        for (position, unit) in units.enumerated() {
            if isSpace(unit) || "-({[<".unicodeScalars.contains(scalar(unit)) {
                isFirst = true
                result.append(unit)
            } else if isFirst {
                isFirst = false
                Self.mapped(unit, scalar(unit).properties.uppercaseMapping, to: &result)
            } else {
                appendLowercase(position, to: &result)
            }
        }
        return with(result)
    }

    func swappedCase() -> Text {
        var result: [UInt32] = []
        for (position, unit) in units.enumerated() {
            if isUppercase(unit) {
                appendLowercase(position, to: &result)
            } else if isLowercase(unit) {
                Self.mapped(unit, scalar(unit).properties.uppercaseMapping, to: &result)
            } else {
                result.append(unit)
            }
        }
        return with(result)
    }

    /// Whether all is in one case and something has one: `str.islower`, `str.isupper`.
    func isAll(_ isWanted: (UInt32) -> Bool, without isRefused: (UInt32) -> Bool) -> Bool {
        !units.contains { isRefused($0) || isTitlecase($0) } && units.contains(where: isWanted)
    }
}
