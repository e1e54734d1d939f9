import ArgumentParser
import EPASModel

/// `--share`, as every command takes it.
struct ShareOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Layers that reuse activations: KIND:N (the last N layers) or KIND:a<b,c<d (layer a reuses layer b), KIND one of qk, kv, scores.",
            valueName: "spec"))
    var share = "none"

    /// The plans of a text that may list several lengths, such as `qk:0,2,4`.
    func plans(layers: Int) throws -> [SharingPlan] {
        try SharingPlan.list(parsing: share, layers: layers)
    }

    /// The one plan of a text.
    func plan(layers: Int) throws -> SharingPlan {
        try SharingPlan(parsing: share, layers: layers)
    }
}
