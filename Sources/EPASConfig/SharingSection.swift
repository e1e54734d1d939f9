/// The `sharing` section: which layers share in the end, and how the schedule gets there.
package struct SharingSection: Sendable, Hashable {
    /// What a sharing layer reuses.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Queries and keys.
        case qk
        /// Keys and values.
        case kv
        /// Attention probabilities: `qk`'s function, executed by keeping the probabilities.
        case scores
    }

    /// The layers that share in the end. Layers are counted from 0, which never shares.
    package enum Target: Sendable, Hashable {
        /// The deepest layers, as a part of all: above 0, below 1.
        case fraction(Double)
        /// This many of the deepest layers.
        case count(Int)
        /// These layers, ascending and distinct, each at least 1. Each run of consecutive layers
        /// is a region that reuses the layer before it.
        case layers([Int])
        /// Every second layer reuses the one before it (cross-layer attention).
        case pairs
        /// Every layer reuses the first of its group of this many (MLKV, LazyFormer); at least 2.
        case groups(Int)
        /// The layers above the middle one reuse it (YOCO-like).
        case upperHalf
        /// Any layers reusing any earlier ones (KVSharer), ascending by layer.
        case map([Link])
    }

    /// Layer `layer` reuses layer `source`.
    package struct Link: Sendable, Hashable {
        package let layer: Int
        package let source: Int

        package init(layer: Int, source: Int) {
            self.layer = layer
            self.source = source
        }
    }

    package var kind: Kind
    package var target: Target
    /// Layers switched at a time, B in the paper.
    package var growth: Int
    /// Steps between switches, I in the paper.
    package var interval: Int
    /// Steps before the first switch; 0 shares from the first step.
    package var firstSwitch: Int
    /// Whether a target of a fraction or a count may take the last layer.
    package var includeLast: Bool
    /// Regions that a target of a fraction or a count is split into.
    package var regions: Int

    package init(
        kind: Kind = .qk, target: Target, growth: Int = 1, interval: Int = 100,
        firstSwitch: Int? = nil, includeLast: Bool = true, regions: Int = 1
    ) {
        self.kind = kind
        self.target = target
        self.growth = growth
        self.interval = interval
        self.firstSwitch = firstSwitch ?? interval
        self.includeLast = includeLast
        self.regions = regions
    }
}

extension SharingSection {
    init(_ reader: SectionReader) throws(ConfigError) {
        guard let node = try reader.node("target") else { fatalError("target is required") }
        self.init(
            kind: Kind(rawValue: try reader.required(reader.choice, "kind"))!,
            target: try Target(node, reader.key("target")),
            growth: try reader.required(reader.integer, "growth"),
            interval: try reader.required(reader.integer, "interval"),
            firstSwitch: try reader.integer("first_switch"),
            includeLast: try reader.required(reader.boolean, "include_last"),
            regions: try reader.required(reader.integer, "regions"))
        switch target {
        case .fraction, .count: return
        default: break
        }
        if !includeLast {
            throw reader.unusable(
                "include_last", "false has no meaning beside a target that names its layers",
                remedy: "Remove it, or make sharing.target a fraction or a number of layers.")
        }
        if regions != 1 {
            throw reader.unusable(
                "regions", "\(regions) has no meaning beside a target that names its layers",
                remedy: "Remove it, or make sharing.target a fraction or a number of layers.")
        }
    }

    var node: YAMLNode {
        var entries: [(String, YAMLNode?)] = [
            ("kind", .plain(kind.rawValue)), ("target", target.node), ("growth", .number(growth)),
            ("interval", .number(interval)), ("first_switch", .number(firstSwitch)),
        ]
        switch target {
        case .fraction, .count:
            entries += [("include_last", .boolean(includeLast)), ("regions", .number(regions))]
        default: break
        }
        return .mapping(entries)
    }
}

extension SharingSection.Target {
    /// Layers a run file may speak of.
    private static let layerLimit = 4096

    init(_ node: YAMLNode, _ key: RunFileKey) throws(ConfigError) {
        switch node.content {
        case .list(let elements):
            var layers: [Int] = []
            for element in elements {
                layers.append(try element.integer(in: 1...Self.layerLimit, key))
            }
            guard !layers.isEmpty else { throw .unusable(key, node, "is empty") }
            guard Set(layers).count == layers.count else {
                throw .unusable(key, node, "names a layer twice")
            }
            self = .layers(layers.sorted())
        case .mapping(let entries):
            guard let entry = entries.first, entries.count == 1 else {
                throw .unusable(key, node, "has not exactly one key")
            }
            switch entry.key {
            case "groups": self = .groups(try entry.value.integer(in: 2...Self.layerLimit, key))
            case "map": self = .map(try Self.links(entry.value, key))
            default:
                throw .unknownKey(
                    "\(key.path).\(entry.key)", entry.key, among: ["groups", "map"],
                    place: entry.origin.place)
            }
        case .scalar:
            if node.isWholeNumeral {
                self = .count(try node.integer(in: 1...Self.layerLimit, key))
            } else if let fraction = node.number {
                guard fraction > 0, fraction < 1 else {
                    throw .unusable(
                        key, node, "is no fraction above 0 and below 1, for layer 0 never shares")
                }
                self = .fraction(fraction)
            } else {
                switch node.text {
                case "pairs": self = .pairs
                case "upper_half": self = .upperHalf
                default: throw .unusable(key, node, "is no target")
                }
            }
        }
    }

    private static func links(
        _ node: YAMLNode, _ key: RunFileKey
    ) throws(ConfigError) -> [SharingSection.Link] {
        guard case .mapping(let entries) = node.content, !entries.isEmpty else {
            throw .unusable(key, node, "is not a mapping of layers to the layers they reuse")
        }
        var links: [SharingSection.Link] = []
        for entry in entries {
            let layer = try YAMLNode(.scalar(entry.key, quoted: false), entry.origin)
                .integer(in: 1...layerLimit, key)
            let source = try entry.value.integer(in: 0...layerLimit, key)
            guard source < layer else {
                throw ConfigError(
                    key.path, "layer \(layer) cannot reuse layer \(source)\(entry.origin.place)",
                    remedy: "Name a source before the layer.")
            }
            guard !links.contains(where: { $0.layer == layer }) else {
                throw ConfigError(
                    key.path, "layer \(layer) is written twice\(entry.origin.place)",
                    remedy: "Remove one of them.")
            }
            links.append(SharingSection.Link(layer: layer, source: source))
        }
        for link in links where links.contains(where: { $0.layer == link.source }) {
            throw ConfigError(
                key.path,
                "layer \(link.layer) reuses layer \(link.source), which reuses another itself"
                    + node.place,
                remedy: "Name a source that computes its own activations.")
        }
        return links.sorted { $0.layer < $1.layer }
    }

    var node: YAMLNode {
        switch self {
        case .fraction(let fraction): .number(fraction)
        case .count(let count): .number(count)
        case .layers(let layers): .list(layers.map { .number($0) })
        case .pairs: .plain("pairs")
        case .groups(let size): .mapping([("groups", .number(size))])
        case .upperHalf: .plain("upper_half")
        case .map(let links):
            .mapping([("map", .mapping(links.map { ("\($0.layer)", .number($0.source)) }))])
        }
    }
}
