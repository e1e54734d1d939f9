import ArgumentParser
import EPASEvaluation
import EPASModel

/// What a recommended region length has to reach.
struct TargetOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Recommend the longest region at which every task's first figure is at most this much \
            worse than without sharing: points of accuracy, percent of perplexity.
            """, valueName: "number"))
    var atMostBelow: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Recommend a region that makes at least so many new tokens a second.",
            valueName: "number"))
    var atLeastTokensPerSecond: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Recommend a region whose key-value cache of --context tokens fits into so many MiB.",
            valueName: "MiB"))
    var cacheWithin: Double?

    @Option(
        help: ArgumentHelp(
            "Tokens that the cache is to hold. (default: the model's longest sequence)",
            valueName: "tokens"))
    var context: Int?

    func validate() throws {
        for (name, value) in [
            ("at-most-below", atMostBelow), ("at-least-tokens-per-second", atLeastTokensPerSecond),
            ("cache-within", cacheWithin),
        ] {
            guard let value else { continue }
            try require(
                value.isFinite && value >= 0, "--\(name) is \(value). Use a number of 0 or more.")
        }
        try requirePositive([("context", context ?? 1)])
        try require(
            context == nil || cacheWithin != nil, "--context needs --cache-within. Give both.")
    }

    /// The targets of a model of any length.
    var values: Targets { values(context: 1) }

    func values(for model: ModelConfig) -> Targets { values(context: model.maximumSequence) }

    private func values(context longest: Int) -> Targets {
        var targets = Targets()
        targets.mostBelowFull = atMostBelow
        targets.leastTokensPerSecond = atLeastTokensPerSecond
        targets.cache = cacheWithin.map {
            Targets.CacheLimit(mebibytes: $0, context: context ?? longest)
        }
        return targets
    }
}
