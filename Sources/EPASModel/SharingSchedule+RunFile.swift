package import EPASConfig

extension SharingSchedule {
    /// Makes the schedule that a run file's `sharing` section describes for a model.
    ///
    /// - Parameter section: `nil` trains without sharing.
    /// - Throws: ``ConfigError`` with what this number of layers cannot do.
    package init(_ section: SharingSection?, layers: Int) throws(ConfigError) {
        guard let section else {
            self = .none(layers: layers)
            return
        }
        let kind: SharingKind =
            switch section.kind {
            case .qk: .queryKey
            case .kv: .keyValue
            case .scores: .scores
            }
        if let sources = try Self.namedSources(section.target, layers: layers) {
            try self.init(
                kind, sources: sources, growth: section.growth, interval: section.interval,
                firstSwitch: section.firstSwitch, layers: layers)
        } else {
            try self.init(
                kind, target: Self.unnamedTarget(section, layers: layers), growth: section.growth,
                interval: section.interval, firstSwitch: section.firstSwitch, layers: layers)
        }
    }

    /// The layers of a target that leaves the sources to the rule of the nearest computing layer.
    private static func unnamedTarget(
        _ section: SharingSection, layers: Int
    ) throws(ConfigError) -> [Int] {
        switch section.target {
        case .layers(let target): return target
        case .upperHalf: return Array(layers / 2 + 1..<max(layers / 2 + 1, layers))
        case .fraction(let fraction):
            // The small addition keeps 0.29 of 100 from falling to 28 by binary rounding.
            let count = Int((fraction * Double(layers) + 1e-9).rounded(.down))
            return try deepest(count, section, layers)
        case .count(let count): return try deepest(count, section, layers)
        case .pairs, .groups, .map: fatalError("a target with sources of its own")
        }
    }

    /// The `count` deepest layers, in one region or spread over several of equal size.
    private static func deepest(
        _ count: Int, _ section: SharingSection, _ layers: Int
    ) throws(ConfigError) -> [Int] {
        let end = section.includeLast ? layers : layers - 1
        let regions = section.regions
        guard count >= 1 else {
            throw ConfigError(
                "sharing.target", "the region is empty for a model of \(layers) layers",
                remedy: "Use a larger fraction, or leave out the sharing section.")
        }
        guard count.isMultiple(of: regions) else {
            throw ConfigError(
                "sharing.regions",
                "\(count) target layers do not split into \(regions) equal regions",
                remedy: "Use a divisor of \(count).")
        }
        // Each region needs a computing layer before it; layer 0 is never in one.
        guard count + regions <= end else {
            throw ConfigError(
                "sharing.target",
                "\(count) sharing layers in \(regions == 1 ? "one region" : "\(regions) regions")"
                    + " do not fit into \(end) layers, for each region needs a layer to share from",
                remedy: "Use at most \(max(0, (end - regions) / regions * regions)) layers.")
        }
        let size = count / regions
        // Several regions divide the depth evenly; each takes the deep end of its part.
        return (0..<regions).flatMap { region in
            let last = end - (regions - 1 - region) * (end / regions)
            return last - size..<last
        }
    }

    /// The sources of a target that names them, or `nil`.
    private static func namedSources(
        _ target: SharingSection.Target, layers: Int
    ) throws(ConfigError) -> [Int: Int]? {
        let groupSize: Int
        switch target {
        case .map(let links):
            return Dictionary(uniqueKeysWithValues: links.map { ($0.layer, $0.source) })
        case .pairs: groupSize = 2
        case .groups(let size): groupSize = size
        default: return nil
        }
        guard groupSize <= layers, layers >= 2 else {
            throw ConfigError(
                "sharing.target", "groups of \(groupSize) do not fit into \(layers) layers",
                remedy: "Use groups of at most \(layers).")
        }
        return Dictionary(
            uniqueKeysWithValues: (0..<layers).filter { !$0.isMultiple(of: groupSize) }
                .map { ($0, $0 / groupSize * groupSize) })
    }

    /// The number of sharing layers that a validation length means for this schedule.
    ///
    /// - Throws: ``ConfigError`` for more layers than the target has.
    package func sharingLayers(
        _ length: ValidationSection.Length
    ) throws(ConfigError) -> Int {
        switch length {
        case .full: return target.count
        case .half: return target.count / 2
        case .quarter: return target.count / 4
        case .layers(let count):
            guard count <= target.count else {
                throw ConfigError(
                    "validation.lengths", "\(count) is more than the \(target.count) target layers",
                    remedy: "Use 0 to \(target.count), quarter, half or full.")
            }
            return count
        }
    }
}
