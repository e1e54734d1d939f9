package import EPASConfig

/// How sharing grows during training (EPAS, Algorithm 1).
///
/// The plan is a pure function of the step, so resuming a run needs no scheduler state.
package struct SharingSchedule: Hashable, Sendable {
    package let kind: SharingKind
    /// Decoder layers of the model, L.
    package let layers: Int
    /// The target layers S_c, shallowest first.
    package let target: [Int]
    /// Layers switched at each growth, B.
    package let growth: Int
    /// Steps between growths, I.
    package let interval: Int
    /// The last step before the first growth; Algorithm 1 has I.
    package let firstSwitch: Int
    /// Fixed sources by layer; `nil` lets each layer reuse the nearest computing layer before it,
    /// which moves up as a region grows.
    package let sources: [Int: Int]?

    /// Training that never shares.
    package static func none(layers: Int) -> SharingSchedule {
        SharingSchedule(
            kind: .queryKey, layers: layers, target: [], growth: 1, interval: 1, firstSwitch: 1,
            sources: nil)
    }

    /// Creates a schedule whose layers reuse the nearest computing layer before them.
    ///
    /// - Parameters:
    ///   - target: The layers S_c that share at the end; adjacent ones form a region.
    ///   - growth: Layers switched at each growth, B; divides the number of target layers.
    ///   - interval: Steps between growths, I.
    ///   - firstSwitch: The last step before the first growth, `interval` if `nil`; 0 shares from
    ///     the first step on.
    /// - Throws: ``ConfigError`` with Algorithm 1's conditions and a target without a source.
    package init(
        _ kind: SharingKind, target: some Sequence<Int>, growth: Int = 1, interval: Int,
        firstSwitch: Int? = nil, layers: Int
    ) throws(ConfigError) {
        try self.init(
            kind, target: Set(target).sorted(), sources: nil, growth: growth, interval: interval,
            firstSwitch: firstSwitch, layers: layers)
    }

    /// Creates a schedule in which layer `a` reuses layer `sources[a]`, deepest layers first.
    ///
    /// - Throws: ``ConfigError`` as ``init(_:target:growth:interval:firstSwitch:layers:)``.
    package init(
        _ kind: SharingKind, sources: [Int: Int], growth: Int = 1, interval: Int,
        firstSwitch: Int? = nil, layers: Int
    ) throws(ConfigError) {
        try self.init(
            kind, target: sources.keys.sorted(), sources: sources, growth: growth,
            interval: interval, firstSwitch: firstSwitch, layers: layers)
    }

    private init(
        _ kind: SharingKind, target: [Int], sources: [Int: Int]?, growth: Int, interval: Int,
        firstSwitch: Int?, layers: Int
    ) throws(ConfigError) {
        guard let first = target.first, let last = target.last else {
            throw ConfigError(
                "sharing.target", "the region is empty",
                remedy: "Name at least one layer, or leave out the sharing section.")
        }
        guard first >= 1 else {
            throw ConfigError(
                "sharing.target", "layer \(first) has no layer before it to share from",
                remedy: "Start the region at layer 1 or deeper.")
        }
        guard last < layers else {
            throw ConfigError(
                "sharing.target", "layer \(last) is not one of the model's \(layers) layers",
                remedy: "Use layers 1 to \(layers - 1).")
        }
        guard growth >= 1, target.count.isMultiple(of: growth) else {
            let choices = (1...target.count).filter(target.count.isMultiple(of:))
            throw ConfigError(
                "sharing.growth", "\(growth) does not divide the \(target.count) target layers",
                remedy: "Use one of \(choices.map(String.init).joined(separator: ", ")).")
        }
        guard interval >= 1 else {
            throw ConfigError(
                "sharing.interval", "\(interval) is not a number of steps", remedy: "Use 1 or more."
            )
        }
        guard (firstSwitch ?? interval) >= 0 else {
            throw ConfigError(
                "sharing.first_switch", "\(firstSwitch ?? interval) is not a step",
                remedy: "Use 0 or more.")
        }
        self.init(
            kind: kind, layers: layers, target: target, growth: growth, interval: interval,
            firstSwitch: firstSwitch ?? interval, sources: sources)
        // The largest plan refuses whatever the smaller ones would.
        if let sources { _ = try SharingPlan(kind, sources: sources, layers: layers) }
    }

    private init(
        kind: SharingKind, layers: Int, target: [Int], growth: Int, interval: Int,
        firstSwitch: Int, sources: [Int: Int]?
    ) {
        self.kind = kind
        self.layers = layers
        self.target = target
        self.growth = growth
        self.interval = interval
        self.firstSwitch = firstSwitch
        self.sources = sources
    }

    /// Returns how many layers share during a step.
    ///
    /// - Parameter step: The training step, counted from 1 as in Algorithm 1. Growth happens at the
    ///   end of a step.
    package func sharingLayers(atStep step: Int) -> Int {
        precondition(step >= 1, "steps are counted from 1")
        guard step > firstSwitch else { return 0 }
        let growths = 1 + (step - 1 - firstSwitch) / interval
        // Compared before multiplying, which could overflow at absurd step numbers.
        return growths >= target.count / growth ? target.count : growths * growth
    }

    /// Returns the plan in force during a step, counted from 1.
    package func plan(atStep step: Int) -> SharingPlan {
        plan(sharing: sharingLayers(atStep: step))
    }

    /// Returns the plan in which the last `count` target layers share: the trained model runs at
    /// every such length.
    ///
    /// - Parameter count: 0 to the number of target layers.
    package func plan(sharing count: Int) -> SharingPlan {
        precondition(
            (0...target.count).contains(count), "\(count) of \(target.count) target layers")
        let shared = target.suffix(count)
        do throws(ConfigError) {
            if let sources {
                return try SharingPlan(
                    kind, sources: sources.filter { shared.contains($0.key) }, layers: layers)
            }
            return try SharingPlan(kind, sharing: Set(shared), layers: layers)
        } catch {
            fatalError("a schedule with an unusable plan: \(error)")
        }
    }

    /// The plan when every target layer shares.
    package var finalPlan: SharingPlan { plan(sharing: target.count) }

    /// The first step of each plan within a run, in order.
    package func switches(steps: Int) -> [(step: Int, plan: SharingPlan)] {
        guard steps >= 1 else { return [] }
        var result = [(step: 1, plan: plan(atStep: 1))]
        guard !target.isEmpty else { return result }
        for growths in 0..<target.count / growth {
            let (offset, overflow) = growths.multipliedReportingOverflow(by: interval)
            if overflow || firstSwitch >= steps - min(offset, steps) { break }
            let step = firstSwitch + offset + 1
            if step > 1 { result.append((step, plan(atStep: step))) }
        }
        return result
    }
}
