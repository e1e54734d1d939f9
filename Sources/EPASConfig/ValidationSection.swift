/// The `validation` section.
package struct ValidationSection: Sendable, Hashable {
    /// A region length to validate at.
    package enum Length: Sendable, Hashable {
        case layers(Int)
        /// A quarter of the target region's layers.
        case quarter
        case half, full
    }

    /// Steps between validations; 0 validates at the end only.
    package var every: Int
    /// Distinct, at least one.
    package var lengths: [Length]
    /// Batches per validation, or as many as there are.
    package var batches: Int
}

extension ValidationSection {
    init(_ reader: SectionReader) throws(ConfigError) {
        every = try reader.required(reader.integer, "every")
        batches = try reader.required(reader.integer, "batches")
        let key = reader.key("lengths")
        guard let node = try reader.node("lengths") else { fatalError("lengths have a default") }
        guard case .list(let elements) = node.content else {
            throw .unusable(key, node, "is not a list")
        }
        guard !elements.isEmpty else { throw .unusable(key, node, "is empty") }
        lengths = []
        for element in elements {
            let length: Length
            switch element.text {
            case "quarter": length = .quarter
            case "half": length = .half
            case "full": length = .full
            default:
                guard element.isWholeNumeral else {
                    throw .unusable(key, element, "is no region length")
                }
                length = .layers(try element.integer(in: 0...4096, key))
            }
            guard !lengths.contains(length) else {
                throw .unusable(key, element, "is written twice")
            }
            lengths.append(length)
        }
    }

    var node: YAMLNode {
        .mapping([
            ("every", .number(every)), ("lengths", .list(lengths.map(\.node))),
            ("batches", .number(batches)),
        ])
    }
}

extension ValidationSection.Length {
    var node: YAMLNode {
        switch self {
        case .layers(let count): .number(count)
        case .quarter: .plain("quarter")
        case .half: .plain("half")
        case .full: .plain("full")
        }
    }
}
