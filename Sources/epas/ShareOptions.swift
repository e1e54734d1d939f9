import ArgumentParser
import EPASConfig
import EPASModel

/// `--share` of the commands that run one plan.
struct ShareOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Layers that reuse activations: KIND:N (the last N layers) or KIND:a<b,c<d (layer a \
            reuses layer b), KIND one of qk, kv, scores.
            """, valueName: "spec"))
    var share = "none"

    func plan(layers: Int) throws -> SharingPlan { try Self.plan(share, layers: layers) }

    static func plan(_ text: String, layers: Int) throws -> SharingPlan {
        try asUsage { () throws(ConfigError) in try SharingPlan(parsing: text, layers: layers) }
    }
}

/// `--share` of the commands that compare plans.
struct ShareListOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Layers that reuse activations: KIND:N (the last N layers), several lengths as \
            KIND:N,M,…, or KIND:a<b,c<d (layer a reuses layer b), KIND one of qk, kv, scores.
            """, valueName: "spec"))
    var share = "none"

    func plans(layers: Int) throws -> [SharingPlan] {
        try asUsage { () throws(ConfigError) in
            try SharingPlan.list(parsing: share, layers: layers)
        }
    }
}

/// Reports a specification that a model cannot run as a mistake in `--share`.
private func asUsage<Value>(_ body: () throws(ConfigError) -> Value) throws -> Value {
    do throws(ConfigError) {
        return try body()
    } catch {
        throw ValidationError("--share: \(error.problem). \(error.remedy)")
    }
}
