package import EPASCheckpoint
package import EPASConfig
package import EPASModel

/// The region lengths that a server offers, and which one a request gets.
package struct ServedSharing: Sendable {
    /// What stands between a model's name and a region length.
    package static let mark = "@share="

    /// Decoder layers of the model.
    package let layers: Int
    let kind: SharingKind
    /// Layers that share where a request does not say.
    package let standard: Int
    /// Layers that may share.
    package let maximum: Int
    /// The plan of each length of the server's kind, from 0 to the maximum.
    private let plans: [SharingPlan]

    /// - Parameters:
    ///   - described: What the checkpoint, or the server's owner, says of the model's sharing.
    ///   - maximum: Layers that may share; `nil` is as many as described.
    /// - Throws: ``ConfigError`` if the model has no such plans.
    package init(
        _ described: PublishedSharing, maximum: Int? = nil, layers: Int
    ) throws(ConfigError) {
        guard let kind = SharingKind(rawValue: described.kind) else {
            throw ConfigError(
                "share", "the kind \"\(described.kind)\" is unknown",
                remedy: "Use one of qk, kv, scores.")
        }
        let maximum = maximum ?? described.maximumLayers
        guard (0..<layers).contains(maximum) else {
            throw ConfigError(
                "max-share", "\(maximum) of \(layers) layers cannot share",
                remedy: "Use 0 to \(layers - 1): layer 0 always computes.")
        }
        guard (0...maximum).contains(described.layers) else {
            throw ConfigError(
                "share", "\(described.layers) layers are to share, but at most \(maximum) may",
                remedy: "Use 0 to \(maximum), or raise --max-share.")
        }
        var plans: [SharingPlan] = []
        for count in 0...maximum {
            plans.append(
                count <= described.maximumLayers
                    ? try described.plan(sharing: count, layers: layers)
                    : try SharingPlan(kind, last: count, layers: layers))
        }
        self.layers = layers
        self.kind = kind
        self.standard = described.layers
        self.maximum = maximum
        self.plans = plans
    }

    /// Every plan of the server's own kind, shortest first.
    package var ownPlans: [SharingPlan] { plans }

    /// The plan where a request does not say.
    package var standardPlan: SharingPlan { plans[standard] }

    func plan(_ kind: SharingKind, sharing count: Int) -> SharingPlan? {
        guard plans.indices.contains(count) else { return nil }
        if kind == self.kind || count == 0 { return plans[count] }
        return try? SharingPlan(kind, last: count, layers: layers)
    }
}

/// A length as a model's alias gives it: `NAME@share=5` or `NAME@share=qk:5`.
struct SharingAlias: Hashable {
    var kind: SharingKind?
    var count: Int

    /// Reads what follows the mark; `nil` if it is no length.
    init?(_ text: Substring) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard let last = parts.last, parts.count <= 2, let count = Int(last), count >= 0,
            // One spelling for each length: no signs, no leading zeros.
            "\(count)" == last
        else { return nil }
        if parts.count == 2 {
            guard let kind = SharingKind(rawValue: String(parts[0])) else { return nil }
            self.kind = kind
        }
        self.count = count
    }
}

/// The sharing that a request runs with, and who chose it.
struct ChosenSharing: Hashable {
    enum Origin: String {
        /// The request fixed it.
        case request
        /// The server's standard length.
        case standard = "default"
        /// A longer region than the standard one, because requests queue.
        case load
    }

    let plan: SharingPlan
    /// As `--share` takes it.
    let text: String
    let origin: Origin

    var count: Int { plan.sources.count }
}

extension ServedSharing {
    /// - Parameters:
    ///   - requested: What the alias, the body and the header say, each with its name; `nil` where
    ///     one is silent.
    ///   - loadCount: The length for requests that do not fix one.
    func choose(
        alias: SharingAlias?, field: Int?, header: Int?, loadCount: Int?
    ) throws(APIError) -> ChosenSharing {
        let named: [(name: String, count: Int)] = [
            alias.map { ("model", $0.count) }, field.map { ("sharing_layers", $0) },
            header.map { (SharingHeader.name, $0) },
        ].compactMap { $0 }
        guard let first = named.first else {
            let count = min(max(standard, loadCount ?? standard), maximum)
            return ChosenSharing(
                plan: plans[count], text: plans[count].text(layers: layers),
                origin: count == standard ? .standard : .load)
        }
        for other in named.dropFirst() where other.count != first.count {
            throw .invalid(
                other.name,
                "The region lengths differ: \(first.name) says \(first.count), \(other.name) "
                    + "\(other.count). Give one of them, or the same number.",
                code: "sharing_conflict")
        }
        guard let plan = plan(alias?.kind ?? kind, sharing: first.count) else {
            throw .invalid(
                first.name,
                "\(first.count) layers cannot share here. Use 0 to \(maximum) sharing layers.",
                code: "sharing_out_of_range")
        }
        return ChosenSharing(plan: plan, text: plan.text(layers: layers), origin: .request)
    }
}

/// The header that fixes a request's length, and that says a response's.
enum SharingHeader {
    static let name = "X-EPAS-Sharing-Layers"
}
