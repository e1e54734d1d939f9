package import EPASConfig

/// What a sharing layer takes from its source layer, and how it is executed (METHOD.md, section 1).
package enum SharingKind: String, Hashable, Sendable, Codable, CaseIterable {
    /// Query and key, after rotary embedding; the layer computes its own value.
    case queryKey = "qk"
    /// Key and value; the layer computes its own query.
    case keyValue = "kv"
    /// The attention probabilities: the same function as ``queryKey``, since equal queries and
    /// keys have equal probabilities, executed by keeping them.
    case scores
}

/// Which layers reuse the activations of which others in one compiled program.
///
/// A plan fixes the computation graph, so it is also the key of compiled programs.
package struct SharingPlan: Hashable, Sendable {
    package let kind: SharingKind
    /// The source of every sharing layer: `sources[a] == b` says that layer a reuses layer b.
    package let sources: [Int: Int]

    /// Every layer computes its own activations.
    package static let none = SharingPlan(unchecked: .queryKey, sources: [:])

    /// A plan in its general form.
    ///
    /// - Parameter layers: Decoder layers of the model.
    /// - Throws: ``ConfigError`` unless every source is a shallower layer that computes.
    package init(_ kind: SharingKind, sources: [Int: Int], layers: Int) throws(ConfigError) {
        for (layer, source) in sources.sorted(by: { $0.key < $1.key }) {
            guard (0..<layers).contains(layer), (0..<layers).contains(source) else {
                throw ConfigError(
                    "sharing",
                    "\(layer)<\(source) names a layer that a model of \(layers) layers lacks",
                    remedy: "Use layers 0 to \(layers - 1).")
            }
            guard source < layer else {
                throw ConfigError(
                    "sharing",
                    "layer \(layer) cannot reuse layer \(source), which does not come before it",
                    remedy: "Name a shallower source layer.")
            }
            if let next = sources[source] {
                throw ConfigError(
                    "sharing",
                    "layer \(layer) cannot reuse layer \(source), which itself reuses layer \(next)",
                    remedy:
                        "Name a source that computes its own activations, such as \(layer)<\(next)."
                )
            }
        }
        self.init(unchecked: kind, sources: sources)
    }

    /// A plan in which each listed layer reuses the nearest computing layer before it: one region
    /// for adjacent layers, several regions otherwise.
    package init(_ kind: SharingKind, sharing shared: Set<Int>, layers: Int) throws(ConfigError) {
        var sources: [Int: Int] = [:]
        for layer in shared {
            guard
                let source = stride(from: layer - 1, through: 0, by: -1).first(where: {
                    !shared.contains($0)
                })
            else {
                throw ConfigError(
                    "sharing", "layer \(layer) has no computing layer before it to share from",
                    remedy: "Layer 0 always computes: start the region at layer 1 or deeper.")
            }
            sources[layer] = source
        }
        try self.init(kind, sources: sources, layers: layers)
    }

    /// The single region of the last `count` layers.
    package init(_ kind: SharingKind, last count: Int, layers: Int) throws(ConfigError) {
        guard (0..<layers).contains(count) else {
            throw ConfigError(
                "sharing", "\(count) of \(layers) layers cannot share",
                remedy: "Use 0 to \(layers - 1): layer 0 always computes.")
        }
        try self.init(kind, sharing: Set(layers - count..<layers), layers: layers)
    }

    init(unchecked kind: SharingKind, sources: [Int: Int]) {
        // Without a sharing layer the kind changes nothing, so there is one such plan.
        self.kind = sources.isEmpty ? .queryKey : kind
        self.sources = sources
    }

    /// Layers in sharing mode, shallowest first.
    package var sharingLayers: [Int] { sources.keys.sorted() }

    package func shares(_ layer: Int) -> Bool { sources[layer] != nil }

    /// Whether some layer reuses this one.
    package func isSource(_ layer: Int) -> Bool { sources.values.contains(layer) }
}
