extension Interpreter {
    /// Calls a method of Python's `str`.
    func call(_ name: String, of text: Text, _ arguments: Arguments) throws -> Value {
        try spend(text.count / 16)
        switch name {
        case "strip", "lstrip", "rstrip":
            let chars = try positional(arguments, 0...1, of: name).first ?? .none
            return .text(
                try stripped(text, left: name != "rstrip", right: name != "lstrip", chars))
        case "upper", "lower", "title", "capitalize", "swapcase":
            _ = try positional(arguments, 0...0, of: name)
            return .text(try checked(Self.cased(text, name)))
        case "split", "rsplit":
            let values = try bind(arguments, to: ["sep", "maxsplit"], of: name)
            let most = try values[1].map { try integer($0, for: "maxsplit") } ?? -1
            return try list(
                try split(text, at: values[0] ?? .none, most, fromRight: name == "rsplit")
                    .map { .text($0) })
        case "splitlines":
            let values = try bind(arguments, to: ["keepends"], of: name)
            let keeps = try isTrue(values[0] ?? .boolean(false))
            return try list(text.lines(keepingEnds: keeps).map { .text($0) })
        case "startswith", "endswith":
            return .boolean(try begins(text, atEnd: name == "endswith", arguments, name))
        case "replace":
            let values = try positional(arguments, 2...3, of: name)
            let most = try values.count > 2 ? integer(values[2], for: "count") : -1
            return .text(
                try replaced(
                    text, requireText(values[0], for: "old"), requireText(values[1], for: "new"),
                    atMost: most))
        case "join":
            let parts = try items(of: positional(arguments, 1...1, of: name)[0])
            return .text(
                try joined(try parts.map { try requireText($0, for: "join") }, with: text))
        case "find", "rfind", "index", "rindex", "count":
            return .integer(try find(name, in: text, arguments))
        case "removeprefix", "removesuffix":
            let part = try requireText(positional(arguments, 1...1, of: name)[0], for: name)
            let isPrefix = name == "removeprefix"
            guard text.hasPrefix(part, at: isPrefix ? 0 : max(0, text.count - part.count)) else {
                return .text(text)
            }
            return .text(
                text.with(
                    Array(
                        isPrefix
                            ? text.units.dropFirst(part.count) : text.units.dropLast(part.count))))
        case "partition", "rpartition":
            return try partition(text, arguments, name)
        case "ljust", "rjust", "center", "zfill":
            return .text(try padded(text, arguments, name))
        case "format": return .text(try format(text, arguments))
        case "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "islower", "isnumeric",
            "isspace", "isupper":
            _ = try positional(arguments, 0...0, of: name)
            return .boolean(Self.holds(name, text))
        default: throw failure("the method \(shownName(name)) is not for chat templates")
        }
    }

    private static func cased(_ text: Text, _ name: String) -> Text {
        switch name {
        case "upper": text.uppercased()
        case "lower": text.lowercased()
        case "title": text.titlecased()
        case "capitalize": text.capitalized()
        default: text.swappedCase()
        }
    }

    private static func holds(_ name: String, _ text: Text) -> Bool {
        func all(_ accepts: (UInt32) -> Bool) -> Bool {
            !text.isEmpty && text.units.allSatisfy(accepts)
        }
        return switch name {
        case "isalnum": all(isAlphanumeric)
        case "isalpha": all(isAlphabetic)
        case "isascii": text.units.allSatisfy { scalar($0).isASCII }
        case "isdecimal": all(isDecimal)
        case "isdigit": all(isDigit)
        case "islower": text.isAll(isLowercase, without: isUppercase)
        case "isnumeric": all(isNumeric)
        case "isspace": all(isSpace)
        default: text.isAll(isUppercase, without: isLowercase)
        }
    }

    /// - Parameter chars: Characters to drop; `none` for white space.
    func stripped(_ text: Text, left: Bool, right: Bool, _ chars: Value) throws -> Text {
        if chars.isNone { return text.stripped(left: left, right: right, isSpace) }
        let chars = try requireText(chars, for: "chars")
        let set = Set(chars.units.map { $0 & ~Text.mark })
        return text.stripped(left: left, right: right) { set.contains($0 & ~Text.mark) }
    }

    func replaced(_ text: Text, _ old: Text, _ new: Text, atMost most: Int) throws -> Text {
        let most = most < 0 ? Int.max : most
        if most == 0 { return text }
        var places: [Int]
        if old.isEmpty {
            // Between all characters, and at both ends.
            places = Array((0...text.count).prefix(most))
        } else {
            places = text.places(of: old, in: 0..<text.count, atMost: most)
        }
        try spend(places.count)
        let (growth, overflow) = places.count.multipliedReportingOverflow(
            by: max(0, new.count - old.count))
        guard !overflow, growth <= limits.characters else {
            throw limit("a text has more than \(limits.characters) characters")
        }
        var result: [UInt32] = []
        var position = 0
        for place in places {
            result += text.units[position..<place]
            result += new.units
            position = place + old.count
        }
        result += text.units[position...]
        return try checked(text.with(result))
    }

    func joined(_ parts: [Text], with separator: Text) throws -> Text {
        var result: [UInt32] = []
        for (number, part) in parts.enumerated() {
            if number > 0 { result += separator.units }
            result += part.units
            guard result.count <= limits.characters else { break }
        }
        return try checked(separator.with(result))
    }

    private func split(
        _ text: Text, at separator: Value, _ most: Int, fromRight: Bool
    ) throws -> [Text] {
        let most = most < 0 ? Int.max : most
        var ranges: [Range<Int>]
        if separator.isNone {
            ranges = Self.words(text, atMost: most, fromRight: fromRight)
        } else {
            let separator = try requireText(separator, for: "sep")
            guard !separator.isEmpty else { throw failure("the separator is empty") }
            var places: [Int]
            if fromRight {
                let reversed = Text(Array(text.units.reversed()))
                let needle = Text(Array(separator.units.reversed()))
                places = reversed.places(of: needle, in: 0..<text.count, atMost: most)
                    .map { text.count - $0 - separator.count }.reversed()
            } else {
                places = text.places(of: separator, in: 0..<text.count, atMost: most)
            }
            ranges = []
            var start = 0
            for place in places {
                ranges.append(start..<place)
                start = place + separator.count
            }
            ranges.append(start..<text.count)
        }
        try spend(ranges.count)
        return ranges.map { text.with(Array(text.units[$0])) }
    }

    /// Runs without white space; the last one, or the first, is the rest after enough cuts.
    private static func words(_ text: Text, atMost most: Int, fromRight: Bool) -> [Range<Int>] {
        var words: [Range<Int>] = []
        var position = 0
        while position < text.count {
            if isSpace(text.units[position]) {
                position += 1
                continue
            }
            let start = position
            while position < text.count, !isSpace(text.units[position]) { position += 1 }
            words.append(start..<position)
        }
        guard words.count > most else { return words }
        // What is left is kept whole, with the white space at the text's end.
        if fromRight {
            return [0..<words[words.count - most - 1].upperBound] + words.suffix(most)
        }
        return words.prefix(most) + [words[most].lowerBound..<text.count]
    }

    private func begins(
        _ text: Text, atEnd: Bool, _ arguments: Arguments, _ name: String
    ) throws -> Bool {
        let values = try positional(arguments, 1...3, of: name)
        let bounds = try values.dropFirst().map { try integer($0, for: name) }
        var parts: [Text] = []
        if case .tuple(let elements) = values[0] {
            parts = try elements.items.map { try requireText($0, for: name) }
        } else {
            parts = [try requireText(values[0], for: name)]
        }
        if let start = bounds.first, start > text.count { return false }
        let range = Self.range(bounds, text.count)
        return parts.contains { part in
            part.count <= range.count
                && text.hasPrefix(
                    part, at: atEnd ? range.upperBound - part.count : range.lowerBound)
        }
    }

    private func find(_ name: String, in text: Text, _ arguments: Arguments) throws -> Int {
        let values = try positional(arguments, 1...3, of: name)
        let part = try requireText(values[0], for: name)
        let bounds = try values.dropFirst().map { try integer($0, for: name) }
        let isOutside = bounds.first.map { $0 > text.count } == true
        let range = Self.range(bounds, text.count)
        var places: [Int] = []
        if part.isEmpty {
            if !isOutside { places = name.hasPrefix("r") ? [range.upperBound] : [range.lowerBound] }
            if name == "count" { return isOutside ? 0 : range.count + 1 }
        } else if name.hasPrefix("r") {
            let reversed = Text(Array(text.units[range].reversed()))
            let needle = Text(Array(part.units.reversed()))
            places = reversed.places(of: needle, in: 0..<range.count, atMost: 1)
                .map { range.upperBound - $0 - part.count }
        } else {
            places = text.places(of: part, in: range, atMost: name == "count" ? .max : 1)
        }
        if name == "count" { return places.count }
        guard let place = places.first else {
            if name.hasSuffix("find") { return -1 }
            throw failure("the text does not contain what is looked for")
        }
        return place
    }

    private func partition(_ text: Text, _ arguments: Arguments, _ name: String) throws -> Value {
        let separator = try requireText(positional(arguments, 1...1, of: name)[0], for: name)
        guard !separator.isEmpty else { throw failure("the separator is empty") }
        let isRight = name == "rpartition"
        let parts = try split(text, at: .text(separator), 1, fromRight: isRight)
        if parts.count == 2 {
            return try tuple([.text(parts[0]), .text(separator), .text(parts[1])])
        }
        let empty = Value.text(Text())
        return try tuple(isRight ? [empty, empty, .text(text)] : [.text(text), empty, empty])
    }

    private func padded(_ text: Text, _ arguments: Arguments, _ name: String) throws -> Text {
        let values = try positional(arguments, 1...(name == "zfill" ? 1 : 2), of: name)
        let width = try integer(values[0], for: name)
        var fill = Text(name == "zfill" ? "0" : " ")
        if values.count > 1 { fill = try requireText(values[1], for: name) }
        guard fill.count == 1 else { throw failure("a text is filled with one character") }
        return try padded(text, width: width, fill: fill.units[0], name)
    }

    /// - Parameter way: `ljust`, `rjust`, `center` or `zfill`.
    func padded(_ text: Text, width: Int, fill: UInt32, _ way: String) throws -> Text {
        guard width > text.count else { return text }
        guard width <= limits.characters else {
            throw limit("a text has more than \(limits.characters) characters")
        }
        let missing = width - text.count
        var left = 0
        switch way {
        case "rjust", "zfill": left = missing
        // As CPython rounds, which depends on the width.
        case "center": left = missing / 2 + (missing & width & 1)
        default: break
        }
        let before = Array(repeating: fill, count: left)
        let after = Array(repeating: fill, count: missing - left)
        if way == "zfill", let sign = text.units.first, "+-".unicodeScalars.contains(scalar(sign)) {
            return try checked(text.with([sign] + before + text.units.dropFirst()))
        }
        return try checked(text.with(before + text.units + after))
    }
}
