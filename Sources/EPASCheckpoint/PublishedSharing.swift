package import EPASConfig
package import EPASModel

/// What a published model says of the sharing it was trained for; other programs keep the keys and
/// run every layer in compute mode.
package struct PublishedSharing: Hashable, Sendable {
    /// `qk`, `kv` or `scores`.
    package var kind: String
    /// Layers that share by default.
    package var layers: Int
    /// Layers that share at most.
    package var maximumLayers: Int
    /// The full plan, as `--share` takes it.
    package var share: String?
    /// Whether layers keep the full plan's sources when fewer share; otherwise, where each layer
    /// of the full plan reuses the nearest computing layer before it, it does at every length.
    package var hasFixedSources: Bool

    package init(
        kind: String, layers: Int, maximumLayers: Int, share: String? = nil,
        hasFixedSources: Bool = false
    ) {
        self.kind = kind
        self.layers = layers
        self.maximumLayers = maximumLayers
        self.share = share
        self.hasFixedSources = hasFixedSources
    }

    /// Describes one plan, which is both the default and the most that may share.
    package init(_ plan: SharingPlan, layers: Int) {
        self.init(
            kind: plan.kind.rawValue, layers: plan.sources.count,
            maximumLayers: plan.sources.count, share: plan.text(layers: layers))
    }

    /// The plan in which the deepest `count` of the layers that may share do so.
    ///
    /// - Parameter layers: Decoder layers of the model.
    /// - Throws: ``ConfigError`` if the description is not of such a model or `count` is too many.
    package func plan(sharing count: Int, layers: Int) throws(ConfigError) -> SharingPlan {
        guard (0...max(0, maximumLayers)).contains(count) else {
            throw ConfigError(
                "sharing", "\(count) layers cannot share in a model published for \(maximumLayers)",
                remedy: "Use 0 to \(maximumLayers).")
        }
        let full = try SharingPlan(parsing: share ?? "\(kind):\(maximumLayers)", layers: layers)
        guard full.sources.count == maximumLayers else {
            throw ConfigError(
                "epas_share", "it has \(full.sources.count) layers, not \(maximumLayers)",
                remedy: "Correct epas_share or epas_max_sharing_layers in config.json.")
        }
        if count == 0 { return .none }
        let shared = Set(full.sharingLayers.suffix(count))
        let nearest = try SharingPlan(full.kind, sharing: Set(full.sharingLayers), layers: layers)
        if hasFixedSources || nearest != full {
            return try SharingPlan(
                full.kind, sources: full.sources.filter { shared.contains($0.key) }, layers: layers)
        }
        return try SharingPlan(full.kind, sharing: shared, layers: layers)
    }

    /// The description when a plan is to be the default: this one at the plan's length if the plan
    /// is one of its lengths, else one of the plan alone.
    package func defaulting(
        to plan: SharingPlan, layers: Int
    ) throws(ConfigError) -> PublishedSharing {
        let count = plan.sources.count
        if count <= maximumLayers {
            let own = try self.plan(sharing: count, layers: layers)
            // Keeping scores and sharing query and key are the same function.
            let isOwnKind = (own.kind == .keyValue) == (plan.kind == .keyValue)
            if own.sources == plan.sources, isOwnKind || count == 0 {
                var result = self
                result.layers = count
                return result
            }
        }
        return PublishedSharing(plan, layers: layers)
    }
}
