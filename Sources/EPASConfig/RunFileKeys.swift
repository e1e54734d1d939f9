extension RunFileKey {
    /// Every key of a run file, in the order of the help. The reader takes names, ranges and
    /// defaults from here, so a key cannot be accepted without being documented.
    package static let all: [RunFileKey] = top + model + sharing + training + rest

    private static let count = Kind.integer(1...1_000_000_000)
    private static let size = Kind.integer(1...1_048_576)
    private static let positive = Kind.number(NumberRange(above: 0))

    private static let top = [
        RunFileKey("model", .section, .required, "What to train."),
        RunFileKey("data", .section, .required, "What to train on."),
        RunFileKey(
            "sharing", .section, .value("null"), null: "no sharing",
            "Which layers reuse another layer's activations, and from which step on."),
        RunFileKey("training", .section, .required, "How to train."),
        RunFileKey("validation", .section, .derived("its keys' defaults"), "When to validate."),
        RunFileKey("checkpoint", .section, .derived("its keys' defaults"), "When to save."),
        RunFileKey("runtime", .section, .derived("its keys' defaults"), "What computes."),
    ]

    private static let model = [
        RunFileKey(
            "model.preset", .text, .derived("none"),
            "A named model, such as 20m; other keys of this section replace single fields of it."),
        RunFileKey(
            "model.from", .text, .derived("none"),
            "A folder with config.json and model.safetensors to start from, in place of preset."),
        RunFileKey("model.layers", .integer(1...4096), .derived("the preset's"), "Decoder layers."),
        RunFileKey("model.width", size, .derived("the preset's"), "Width of the residual stream."),
        RunFileKey(
            "model.heads", .integer(1...65_536), .derived("the preset's"), "Query heads."),
        RunFileKey(
            "model.kv_heads", .integer(1...65_536), .derived("the preset's; without one, heads"),
            "Key and value heads; they divide heads."),
        RunFileKey(
            "model.head_dim", .integer(2...65_536),
            .derived("the preset's; without one, width / heads"), "Width of a head; even."),
        RunFileKey(
            "model.ffn", .integer(1...16_777_216), .derived("the preset's"),
            "Width of the feed-forward layer."),
        RunFileKey(
            "model.vocabulary", .integer(1...16_777_216), .derived("the tokenizer's"),
            unit: "tokens",
            "Rows of the embedding; at least the tokenizer's vocabulary."),
        RunFileKey(
            "model.rope_theta", positive, .derived("the preset's; without one, 10000"),
            "Base of the rotary embedding's wavelengths."),
        RunFileKey(
            "model.norm_epsilon", .number(NumberRange(above: 0, atMost: 1)),
            .derived("the preset's; without one, 1e-5"),
            "Added to the mean square in RMSNorm."),
        RunFileKey(
            "model.tied", .boolean, .derived("the preset's; without one, false"),
            "Whether the output projection is the embedding's transpose."),
        RunFileKey(
            "model.max_sequence", .integer(1...16_777_216),
            .derived("the preset's; without one, 2048"), unit: "tokens",
            "Longest sequence the model is meant for."),
        RunFileKey(
            "model.initializer_range", positive, .derived("the preset's; without one, 0.02"),
            "Standard deviation of the initial weights."),
        RunFileKey(
            "data.path", .text, .required, "A folder made by `epas data prepare`."),
    ]

    private static let sharing = [
        RunFileKey(
            "sharing.kind", .choice(SharingSection.Kind.allCases.map(\.rawValue)), .value("qk"),
            "What is reused: queries and keys, keys and values, or attention scores."),
        RunFileKey(
            "sharing.target",
            .form(
                "a fraction of depth such as 0.5, a number of layers such as 6, a list of layers "
                    + "such as [6, 7, 8], pairs, upper_half, {groups: 3}, or {map: {7: 6, 9: 8}}"),
            .required,
            """
            The layers that share in the end, counted from 0; the deepest switch first. A fraction \
            or a number takes the deepest; a list takes each run of consecutive layers as a region \
            that reuses the layer before it; pairs: every second layer reuses the one before it; \
            groups: every layer reuses the first of its group of that many; upper_half: the layers \
            above the middle one reuse it; map: layer: source, where a source computes its own.
            """),
        RunFileKey(
            "sharing.growth", .integer(1...4096), .value("1"), unit: "layers",
            "Layers switched at a time, B in the paper; it divides the number of target layers."),
        RunFileKey(
            "sharing.interval", count, .value("100"), unit: "steps",
            "Steps between switches, I in the paper."),
        RunFileKey(
            "sharing.first_switch", .integer(0...1_000_000_000), .derived("interval"),
            unit: "steps",
            "Steps before the first switch; 0 shares from the first step."),
        RunFileKey(
            "sharing.include_last", .boolean, .value("true"),
            "Whether the last layer may share; for targets that are a fraction or a number."),
        RunFileKey(
            "sharing.regions", .integer(1...4096), .value("1"),
            """
            Regions of equal size, evenly spaced over the depth, that the target is split into; \
            for targets that are a fraction or a number.
            """),
    ]

    private static let training = [
        RunFileKey("training.steps", count, .required, unit: "steps", "Updates of the weights."),
        RunFileKey(
            "training.batch", .integer(1...65_536), .value("8"), unit: "sequences",
            "Sequences that one forward and backward pass sees."),
        RunFileKey("training.sequence", size, .value("256"), unit: "tokens", "Sequence length."),
        RunFileKey(
            "training.accumulation", .integer(1...65_536), .value("1"), unit: "batches",
            "Batches whose gradients are averaged into one step."),
        RunFileKey(
            "training.precision", .choice(TrainingSection.Precision.allCases.map(\.rawValue)),
            .value("bfloat16"), "Precision of matrix products; weights are float32."),
        RunFileKey(
            "training.seed", .integer(0...Int.max), .value("1"),
            "Decides the initial weights and the order of the data."),
        RunFileKey(
            "training.learning_rate", .section, .derived("its keys' defaults"),
            "The learning rate over the run."),
        RunFileKey(
            "training.learning_rate.schedule", .choice(["cosine", "wsd", "constant"]),
            .value("cosine"),
            """
            After the warm-up: cosine falls to final along half a cosine; wsd (warm-up, stable, \
            decay) stays at peak and falls linearly over the last decay_steps; constant stays.
            """),
        RunFileKey(
            "training.learning_rate.peak", .number(NumberRange(above: 0, atMost: 10)),
            .value("1e-3"), "Highest learning rate."),
        RunFileKey(
            "training.learning_rate.warmup", .integer(0...1_000_000_000),
            .derived("a twentieth of training.steps"), unit: "steps",
            "Steps of linear rise from 0 to peak."),
        RunFileKey(
            "training.learning_rate.final", .number(NumberRange(atLeast: 0, atMost: 10)),
            .derived("a tenth of peak"), "Learning rate of the last step; not with constant."),
        RunFileKey(
            "training.learning_rate.decay_steps", count, .derived("a fifth of training.steps"),
            unit: "steps", "Steps of the fall to final; only with wsd."),
        RunFileKey(
            "training.weight_decay", .number(NumberRange(atLeast: 0, atMost: 10)), .value("0.1"),
            "Decoupled weight decay, of matrices only."),
        RunFileKey(
            "training.clip", positive, .value("1.0"), null: "no clipping",
            "Largest norm of the whole gradient; a longer one is scaled down to it."),
        RunFileKey(
            "training.beta1", .number(NumberRange(atLeast: 0, below: 1)), .value("0.9"),
            "AdamW's decay of the gradient's mean."),
        RunFileKey(
            "training.beta2", .number(NumberRange(atLeast: 0, below: 1)), .value("0.95"),
            "AdamW's decay of the squared gradient's mean."),
        RunFileKey(
            "training.epsilon", .number(NumberRange(above: 0, atMost: 1)), .value("1e-8"),
            "AdamW's addition to the denominator."),
        RunFileKey(
            "training.moments", .choice(TrainingSection.Precision.allCases.map(\.rawValue)),
            .value("float32"),
            """
            Type in which AdamW's two moments are kept; bfloat16 saves 4 bytes per parameter, \
            and needs a beta2 of at most 0.99.
            """),
        RunFileKey(
            "training.rematerialization",
            .choice(Rematerialization.allCases.map(\.rawValue)), .value("none"),
            """
            What the backward pass computes again instead of keeping it: attention (norm, \
            projections, probabilities) or the whole layer. Less memory, more time, same results.
            """),
    ]

    private static let rest = [
        RunFileKey(
            "validation.every", .integer(0...1_000_000_000), .value("100"), unit: "steps",
            "Steps between validations; 0 validates at the end only."),
        RunFileKey(
            "validation.lengths",
            .form("a list of region lengths: 0, quarter, half, full or a number of layers"),
            .value("[0, half, full]"), unit: "layers",
            "Region lengths to validate at; the words are parts of the target region."),
        RunFileKey(
            "validation.batches", count, .value("16"), unit: "batches",
            "Batches per validation, or as many as there are."),
        RunFileKey(
            "checkpoint.every", .integer(0...1_000_000_000), .value("100"), unit: "steps",
            "Steps between saves; 0 saves at the end only."),
        RunFileKey(
            "checkpoint.keep", .integer(1...1_000_000), .value("3"), unit: "checkpoints",
            "Checkpoints kept; older ones are deleted once a newer one is verified."),
        RunFileKey(
            "runtime.plugin", .text, .value("null"), null: "EPAS_PJRT_PLUGIN, or else cpu",
            "What computes: cpu, cuda, or the path of a PJRT plugin."),
        RunFileKey(
            "runtime.threads", .integer(0...4096), .value("0"), unit: "threads",
            "CPU threads; 0 takes one per core."),
        RunFileKey(
            "runtime.cache", .text, .value("null"), null: "the usual folder",
            "Folder of compiled programs."),
        RunFileKey(
            "runtime.xla_log", .boolean, .value("false"),
            "Whether XLA's log lines are shown."),
    ]

    private static let byPath = Dictionary(
        uniqueKeysWithValues: all.map { ($0.path, $0) })

    /// The key with this path.
    package static func named(_ path: String) -> RunFileKey? { byPath[path] }

    /// The keys directly inside a section; an empty path is the top.
    static func inside(_ section: String) -> [RunFileKey] {
        all.filter { $0.section == section }
    }
}
