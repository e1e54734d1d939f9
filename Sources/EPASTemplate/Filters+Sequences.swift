extension Interpreter {
    func sequenceFilter(
        _ name: String, _ input: Value, _ arguments: Arguments
    ) throws -> Value? {
        switch name {
        case "default", "d":
            let values = try bind(arguments, to: ["default_value", "boolean"], of: name)
            let isFalse = try isTrue(values[1] ?? .boolean(false)) && !isTrue(input)
            return input.isUndefined || isFalse ? values[0] ?? .text("") : input
        case "length", "count":
            _ = try bind(arguments, to: [], of: name)
            return .integer(try count(of: input))
        case "list":
            _ = try bind(arguments, to: [], of: name)
            return try list(try items(of: input))
        case "first":
            _ = try bind(arguments, to: [], of: name)
            return try takingNext(of: input)() ?? .undefined("the sequence is empty")
        case "last":
            _ = try bind(arguments, to: [], of: name)
            return try reversed(input).first ?? .undefined("the sequence is empty")
        case "reverse":
            _ = try bind(arguments, to: [], of: name)
            if case .text(let text) = input { return .text(text.with(text.units.reversed())) }
            return .generator(Generator(try elements(try items(of: input).reversed())))
        case "join":
            let values = try bind(arguments, to: ["d", "attribute"], of: name)
            let separator = try values[0].map { try string(of: $0) } ?? Text()
            let get = try getter(values[1] ?? .none)
            let parts = try items(of: input).map { try string(of: get($0)) }
            return .text(try joined(parts, with: Text(separator.units)))
        case "items":
            _ = try bind(arguments, to: [], of: name)
            switch input {
            case .undefined: return .generator(Generator(try elements([])))
            case .table(let table):
                let pairs = try items(of: .view(table, .items))
                return .generator(Generator(try elements(pairs)))
            default:
                return .generator(
                    Generator(try elements([]), failure: failure("only a dict has items")))
            }
        case "sum":
            let values = try bind(arguments, to: ["attribute", "start"], of: name)
            let get = try getter(values[0] ?? .none)
            var sum = values[1] ?? .integer(0)
            if case .text = sum { throw failure("texts are joined, not summed") }
            for item in try items(of: input) { sum = try apply(.add, sum, get(item)) }
            return sum
        case "batch", "slice":
            let parameters = name == "batch" ? "linecount" : "slices"
            let values = try bind(
                arguments, to: [parameters, "fill_with"], required: 1, of: name)
            let (size, fill) = (values[0] ?? .none, values[1] ?? .none)
            return try lazily { [unowned self] in
                try name == "batch" ? batches(input, size, fill) : slices(input, size, fill)
            }
        case "attr":
            let values = try bind(arguments, to: ["name"], required: 1, of: name)
            let name = try requireText(values[0] ?? .none, for: "name").string
            // Items do not count.
            if case .table(let table) = input, table[Key(name)] != nil,
                Methods.names[.table]?.contains(name) != true
            {
                return .undefined("a dict has no attribute \(shownName(name))")
            }
            return try attribute(name, of: input)
        default: return nil
        }
    }

    /// The values from the last to the first, of what has an end that can be begun with.
    private func reversed(_ value: Value) throws -> [Value] {
        switch value {
        case .generator, .loop, .namespace, .macro, .function, .method:
            throw failure("a \(value.typeName) cannot be reversed")
        default: return try items(of: value).reversed()
        }
    }

    /// Jinja2 finds a fault of these filters when their values are taken.
    private func lazily(_ make: () throws -> [Value]) throws -> Value {
        do {
            return .generator(Generator(try elements(try make())))
        } catch let error as TemplateError where error.cause == .template {
            return .generator(Generator(try elements([]), failure: error))
        }
    }

    private func batches(_ input: Value, _ size: Value, _ fill: Value) throws -> [Value] {
        var batches: [Value] = []
        var batch: [Value] = []
        for item in try items(of: input) {
            if try equal(.integer(batch.count), size) {
                batches.append(try list(batch))
                batch = []
            }
            batch.append(item)
        }
        guard !batch.isEmpty else { return batches }
        if !fill.isNone, try isLess(.integer(batch.count), size) {
            let size = try integer(size, for: "linecount")
            guard size <= limits.rangeCount else { throw limit("a batch is too large") }
            batch += Array(repeating: fill, count: size - batch.count)
        }
        return batches + [try list(batch)]
    }

    private func slices(_ input: Value, _ count: Value, _ fill: Value) throws -> [Value] {
        let items = try items(of: input)
        let count = try integer(count, for: "slices")
        guard count != 0 else { throw failure("there are 0 slices") }
        guard count <= limits.rangeCount else { throw limit("there are too many slices") }
        var slices: [Value] = []
        var start = 0
        for number in 0..<max(0, count) {
            let isLonger = number < items.count % count
            let end = start + items.count / count + (isLonger ? 1 : 0)
            var slice = Array(items[start..<end])
            if !fill.isNone, !isLonger { slice.append(fill) }
            slices.append(try list(slice))
            start = end
        }
        return slices
    }

    // MARK: - Choosing and ordering

    func choosingFilter(
        _ name: String, _ input: Value, _ arguments: Arguments
    ) throws -> Value? {
        switch name {
        case "map":
            // Nothing is looked at where there is nothing to map.
            guard try isTrue(input) else { return .generator(Generator(try elements([]))) }
            return try generator(input) { [unowned self] in try mapping(arguments) }
        case "select", "reject", "selectattr", "rejectattr":
            guard try isTrue(input) else { return .generator(Generator(try elements([]))) }
            return try generator(input) { [unowned self] in
                let isChosen = try choice(arguments, byAttribute: name.hasSuffix("attr"))
                return { try isChosen($0) != name.hasPrefix("reject") ? $0 : nil }
            }
        case "unique":
            let values = try bind(arguments, to: ["case_sensitive", "attribute"], of: name)
            let get = try caseGetter(values[1], isSensitive: values[0])
            var seen: Set<Key> = []
            return try generator(input) { [unowned self] in
                { try seen.insert(self.key(try get($0))).inserted ? $0 : nil }
            }
        case "sort":
            let values = try bind(
                arguments, to: ["reverse", "case_sensitive", "attribute"], of: name)
            let get = try sortGetter(values[2] ?? .none, isSensitive: values[1])
            return try list(
                try sorted(items(of: input), isReversed: values[0] ?? .boolean(false), by: get))
        case "dictsort":
            let values = try bind(arguments, to: ["case_sensitive", "by", "reverse"], of: name)
            let by = try values[1].map { try string(of: $0).string } ?? "key"
            guard by == "key" || by == "value" else {
                throw failure("\"dictsort\" sorts by key or value")
            }
            guard case .table(let table) = input else {
                throw failure("a \(input.typeName) has no items")
            }
            let get = try caseGetter(.integer(by == "key" ? 0 : 1), isSensitive: values[0])
            return try list(
                try sorted(
                    items(of: .view(table, .items)), isReversed: values[2] ?? .boolean(false),
                    by: get))
        case "min", "max":
            let values = try bind(arguments, to: ["case_sensitive", "attribute"], of: name)
            let get = try caseGetter(values[1], isSensitive: values[0])
            var best: (item: Value, key: Value)?
            for item in try items(of: input) {
                let key = try get(item)
                guard let current = best else {
                    best = (item, key)
                    continue
                }
                if try name == "min" ? isLess(key, current.key) : isLess(current.key, key) {
                    best = (item, key)
                }
            }
            return best?.item ?? .undefined("the sequence is empty")
        default: return nil
        }
    }

    /// What a function makes of each value, where it makes something.
    ///
    /// Jinja2 finds faults when it comes to the value, so one counts only once it is reached.
    private func generator(
        _ input: Value, _ makeFunction: () throws -> (Value) throws -> Value?
    ) throws -> Value {
        var made: [Value] = []
        do {
            let function = try makeFunction()
            let next = try takingNext(of: input)
            while let item = try next() {
                try spend()
                if let value = try function(item) { made.append(value) }
            }
        } catch let error as TemplateError where error.cause == .template {
            return .generator(Generator(try elements(made), failure: error))
        }
        return .generator(Generator(try elements(made)))
    }

    private func mapping(_ arguments: Arguments) throws -> (Value) throws -> Value? {
        var arguments = arguments
        if arguments.positional.isEmpty, let attribute = arguments.take("attribute") {
            let preset = arguments.take("default") ?? .none
            guard arguments.isEmpty else {
                throw failure("\"map\" takes no argument \(shownName(arguments.names[0]))")
            }
            return try getter(attribute, preset: preset)
        }
        guard let first = arguments.positional.first else {
            throw failure("\"map\" needs a filter or an attribute")
        }
        let name = try string(of: first).string
        arguments.positional.removeFirst()
        return { [unowned self] in try filter(name, $0, arguments) }
    }

    private func choice(
        _ arguments: Arguments, byAttribute: Bool
    ) throws -> (Value) throws -> Bool {
        var arguments = arguments
        var get: (Value) throws -> Value = { $0 }
        if byAttribute {
            guard let attribute = arguments.positional.first else {
                throw failure("the name of an attribute is missing")
            }
            get = try getter(attribute)
            arguments.positional.removeFirst()
        }
        guard let first = arguments.positional.first else {
            return { [unowned self] in try isTrue(get($0)) }
        }
        let name = try string(of: first).string
        arguments.positional.removeFirst()
        return { [unowned self] in try test(name, get($0), arguments) }
    }

    /// A function that gets an attribute, such as `a.b.0`, or the value itself for `none`.
    private func getter(
        _ attribute: Value, preset: Value = .none
    ) throws -> (Value) throws -> Value {
        let parts: [Value]
        switch attribute {
        case .none: return { $0 }
        case .text(let text):
            parts = text.string.split(separator: ".", omittingEmptySubsequences: false).map {
                let digits = $0.unicodeScalars.map(\.value)
                return !digits.isEmpty && digits.allSatisfy { (0x30...0x39).contains($0) }
                    ? Int($0).map(Value.integer) ?? .text(String($0)) : .text(String($0))
            }
        default: parts = [attribute]
        }
        return { [unowned self] value in
            var value = value
            for part in parts {
                value = try item(part, of: value)
                if value.isUndefined, !preset.isNone { value = preset }
            }
            return value
        }
    }

    private func caseGetter(
        _ attribute: Value?, isSensitive: Value?
    ) throws -> (Value) throws -> Value {
        let get = try getter(attribute ?? .none)
        let isSensitive = try isTrue(isSensitive ?? .boolean(false))
        return { value in
            let value = try get(value)
            guard !isSensitive, case .text(let text) = value else { return value }
            return .text(text.lowercased())
        }
    }

    /// The filter `sort` compares by several attributes, with commas between them.
    private func sortGetter(
        _ attribute: Value, isSensitive: Value?
    ) throws -> (Value) throws -> Value {
        guard case .text(let text) = attribute else {
            return try caseGetter(attribute, isSensitive: isSensitive)
        }
        let getters = try text.string.split(separator: ",", omittingEmptySubsequences: false).map {
            try caseGetter(.text(String($0)), isSensitive: isSensitive)
        }
        return { [unowned self] value in try list(try getters.map { try $0(value) }) }
    }

    private func sorted(
        _ items: [Value], isReversed: Value, by get: (Value) throws -> Value
    ) throws -> [Value] {
        let isReversed = try isTrue(isReversed)
        var keyed = try items.map { (item: $0, key: try get($0)) }
        if isReversed { keyed.reverse() }
        // Swift's sort is stable.
        try keyed.sort { try isLess($0.key, $1.key) }
        let sorted = keyed.map(\.item)
        return isReversed ? sorted.reversed() : sorted
    }
}
