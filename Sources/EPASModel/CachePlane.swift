/// The keys or the values of one layer in a key-value cache.
package struct CachePlane: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// Blocks are [K, H, U]: a head's numbers lie side by side for all tokens, so that scores
        /// of several tokens are computed at once.
        case key
        /// Blocks are [K, U, H]: a token's values lie side by side, so that they are added up at
        /// once.
        case value
    }

    package let layer: Int
    package let kind: Kind

    package init(layer: Int, kind: Kind) {
        self.layer = layer
        self.kind = kind
    }
}

extension SharingPlan {
    /// What has to be cached to go on from a sequence, shallowest layer first: keys and values of
    /// computing layers, values only of layers that share queries and keys, nothing of layers
    /// that share keys and values.
    package func cachePlanes(layers: Int) -> [CachePlane] {
        (0..<layers).flatMap { layer -> [CachePlane] in
            let key = CachePlane(layer: layer, kind: .key)
            let value = CachePlane(layer: layer, kind: .value)
            guard shares(layer) else { return [key, value] }
            return kind == .keyValue ? [] : [value]
        }
    }

    /// The first layer whose keys and values no later token needs, because it and all deeper
    /// layers take them from shallower ones; `nil` where the last layer has its own.
    ///
    /// Prompt tokens whose own predictions nobody asks for need not enter it (METHOD.md,
    /// section 5).
    package func skippableLayers(layers: Int) -> Int? {
        guard kind == .keyValue else { return nil }
        let first = (0..<layers).last { !shares($0) }.map { $0 + 1 } ?? 0
        return first < layers ? first : nil
    }

    /// The part of the plan that decides what enters a layer: two plans that agree on it have the
    /// same keys and values there.
    package func before(_ layer: Int) -> SharingPlan {
        SharingPlan(unchecked: kind, sources: sources.filter { $0.key < layer })
    }

    /// The plan by which a program runs: equal scores are the same function as equal queries and
    /// keys.
    package var asExecuted: SharingPlan {
        kind == .scores ? SharingPlan(unchecked: .queryKey, sources: sources) : self
    }
}
