import EPASConfig
import EPASTesting
import Testing

@Suite("Run file: what it refuses, and in which words")
struct RunFileErrorTests {
    private func error(_ yaml: String, _ overrides: [String] = []) -> String? {
        #expect(throws: ConfigError.self) {
            try RunConfig(yaml: yaml, overrides: overrides)
        }?.description
    }

    static let settings: [(String, String)] = [
        // Unknown keys.
        (
            "training.stpes=1",
            """
            training.stpes: unknown key (--set). Did you mean steps? Use one of \
            accumulation, batch, beta1, beta2, clip, epsilon, learning_rate, moments, precision, \
            rematerialization, seed, sequence, steps, weight_decay.
            """
        ),
        (
            "zzzzzz=1",
            """
            zzzzzz: unknown key (--set). Use one of checkpoint, data, model, runtime, sharing, \
            training, validation.
            """
        ),
        (
            "training.steps.more=1",
            "training.steps.more: training.steps has no keys inside it (--set). "
                + "Set training.steps as a whole."
        ),
        (
            "checkpoint={evry: 1}",
            "checkpoint.evry: unknown key (--set). Did you mean every? Use one of every, keep."
        ),
        (
            "training..steps=1",
            """
            training.: unknown key (--set). Use one of accumulation, batch, beta1, beta2, \
            clip, epsilon, learning_rate, moments, precision, rematerialization, seed, sequence, \
            steps, weight_decay.
            """
        ),
        (
            "training.steps",
            "--set training.steps: no value is given. "
                + "Write --set KEY=VALUE, such as --set training.steps=10."
        ),
        (
            "training.steps=",
            "--set training.steps: no value is written. Write null where none is meant."
        ),
        // Wrong types.
        (
            "training.steps=ten",
            "training.steps: \"ten\" is not a whole number (--set). "
                + "Use a whole number from 1 to 1000000000."
        ),
        (
            "training.steps=\"10\"",
            "training.steps: \"10\" is not a whole number (--set). "
                + "Use a whole number from 1 to 1000000000."
        ),
        (
            "training.steps=1e3",
            "training.steps: 1e3 is not a whole number (--set). "
                + "Use a whole number from 1 to 1000000000."
        ),
        (
            "training.steps=1__0",
            "training.steps: \"1__0\" is not a whole number (--set). "
                + "Use a whole number from 1 to 1000000000."
        ),
        (
            "training.steps=0x10",
            "training.steps: \"0x10\" is not a whole number (--set). "
                + "Use a whole number from 1 to 1000000000."
        ),
        (
            "training.steps=[1]",
            "training.steps: a list is not a whole number (--set). "
                + "Use a whole number from 1 to 1000000000."
        ),
        (
            "training.steps=null",
            "training.steps: null is not a whole number from 1 to 1000000000 (--set). "
                + "Use a whole number from 1 to 1000000000."
        ),
        (
            "training.clip=yes",
            "training.clip: \"yes\" is not a number (--set). Use a number above 0, or null."
        ),
        (
            "training.clip=.nan",
            "training.clip: \".nan\" is not a number (--set). Use a number above 0, or null."
        ),
        (
            "training.clip=inf",
            "training.clip: \"inf\" is not a number (--set). Use a number above 0, or null."
        ),
        (
            "runtime.xla_log=yes",
            "runtime.xla_log: \"yes\" is not true or false (--set). Use true or false."
        ),
        (
            "data.path=[a]", "data.path: a list is not a text (--set). Use a text."
        ),
        (
            "data.path=''", "data.path: \"\" is empty (--set). Use a text."
        ),
        (
            "training=5",
            "training: 5 is not a mapping of keys to values (--set). "
                + "Use keys such as steps, batch, sequence."
        ),
        (
            "training.learning_rate=1e-3",
            "training.learning_rate: 1e-3 is not a mapping of keys to values (--set). "
                + "Use keys such as schedule, peak, warmup."
        ),
        (
            "data=null", "data: null is not a mapping (--set). Use a mapping."
        ),
        // Out of range.
        (
            "training.steps=0",
            "training.steps: 0 is out of range (--set). "
                + "Use a whole number from 1 to 1000000000."
        ),
        (
            "training.seed=-1",
            "training.seed: -1 is out of range (--set). Use a whole number of at least 0."
        ),
        (
            "training.seed=9223372036854775808",
            "training.seed: 9223372036854775808 is out of range (--set). "
                + "Use a whole number of at least 0."
        ),
        (
            "training.clip=1e400",
            "training.clip: \"1e400\" is out of range (--set). Use a number above 0, or null."
        ),
        (
            "training.clip=0",
            "training.clip: 0 is out of range (--set). Use a number above 0, or null."
        ),
        (
            "training.beta1=1",
            "training.beta1: 1 is out of range (--set). "
                + "Use a number of at least 0 and below 1."
        ),
        (
            "checkpoint.keep=0",
            "checkpoint.keep: 0 is out of range (--set). "
                + "Use a whole number from 1 to 1000000."
        ),
        // Choices.
        (
            "sharing.kind=scroes",
            "sharing.kind: \"scroes\" is not a choice (--set). "
                + "Did you mean scores? Use one of qk, kv, scores."
        ),
        (
            "training.precision=float64",
            "training.precision: \"float64\" is not a choice (--set). "
                + "Did you mean float32? Use one of float32, bfloat16."
        ),
        (
            "training={steps: 4, moments: bfloat16, beta2: 0.999}",
            "training.moments: bfloat16 cannot follow a second moment with beta2 of 0.999 (--set). "
                + "Use float32, or a training.beta2 of at most 0.99."
        ),
        (
            "training.rematerialization=layers",
            "training.rematerialization: \"layers\" is not a choice (--set). "
                + "Did you mean layer? Use one of none, attention, layer."
        ),
        // Lists.
        (
            "validation.lengths=half",
            "validation.lengths: \"half\" is not a list (--set). Use a list of region "
                + "lengths: 0, quarter, half, full or a number of layers."
        ),
        (
            "validation.lengths=[]",
            "validation.lengths: a list is empty (--set). Use a list of region "
                + "lengths: 0, quarter, half, full or a number of layers."
        ),
        (
            "validation.lengths=[0, 0]",
            "validation.lengths: 0 is written twice (--set). Use a list of region "
                + "lengths: 0, quarter, half, full or a number of layers."
        ),
        (
            "validation.lengths=[third]",
            "validation.lengths: \"third\" is no region length (--set). Use a list of region "
                + "lengths: 0, quarter, half, full or a number of layers."
        ),
        // Combinations.
        (
            "model.from=DIR",
            "model.from: a model has either a preset or a folder to start from (--set). "
                + "Remove model.preset or model.from."
        ),
        (
            "model={from: DIR, layers: 3}",
            "model.layers: cannot change the model that model.from fixes (--set). Remove it."
        ),
        (
            "model={layers: 3}",
            "model.width: missing. Write it, or a named model such as model: {preset: 20m}."
        ),
        (
            "model={preset: 20m, heads: 6, kv_heads: 4}",
            "model.kv_heads: 4 does not divide the 6 heads (--set). Use a divisor of 6."
        ),
        (
            "model.head_dim=7",
            "model.head_dim: 7 is odd, and the rotary embedding turns pairs (--set). "
                + "Use an even number."
        ),
        (
            "training.learning_rate.warmup=401",
            "training.learning_rate.warmup: 401 steps are more than the run's 400 (--set). "
                + "Use at most 400, or raise training.steps."
        ),
        (
            "training.learning_rate.final=1",
            "training.learning_rate.final: 1.0 is above the peak of 0.001 (--set). "
                + "Use at most 0.001, or raise training.learning_rate.peak."
        ),
        (
            "training.learning_rate={schedule: constant, final: 0}",
            "training.learning_rate.final: the constant schedule ends at its peak (--set). "
                + "Remove it, or use the schedule cosine or wsd."
        ),
        (
            "training.learning_rate.decay_steps=10",
            "training.learning_rate.decay_steps: only the wsd schedule has a decay of its own "
                + "(--set). Remove it, or use the schedule wsd."
        ),
        (
            "training.learning_rate={schedule: wsd, warmup: 300, decay_steps: 101}",
            "training.learning_rate.decay_steps: 101 steps do not fit between the warm-up of "
                + "300 and the end at 400 (--set). Use at most 100, or a shorter warm-up."
        ),
        (
            "sharing={target: [3], include_last: false}",
            "sharing.include_last: false has no meaning beside a target that names its layers "
                + "(--set). Remove it, or make sharing.target a fraction or a number of layers."
        ),
        (
            "sharing={target: pairs, regions: 2}",
            "sharing.regions: 2 has no meaning beside a target that names its layers "
                + "(--set). Remove it, or make sharing.target a fraction or a number of layers."
        ),
    ]

    @Test(
        "one setting of the documented file replaced",
        arguments: Self.settings)
    func overrides(setting: String, text: String) {
        #expect(error(RunConfigTests.documented, [setting]) == text)
    }

    static let target = """
        Use a fraction of depth such as 0.5, a number of layers such as 6, a list of layers such \
        as [6, 7, 8], pairs, upper_half, {groups: 3}, or {map: {7: 6, 9: 8}}.
        """

    static let targetForms: [(String, String)] = [
        ("0", "0 is out of range (--set). \(target)"),
        ("-1", "-1 is out of range (--set). \(target)"),
        (
            "1.0",
            "1.0 is no fraction above 0 and below 1, for layer 0 never shares (--set). "
                + target
        ),
        (
            "-0.5",
            "-0.5 is no fraction above 0 and below 1, for layer 0 never shares (--set). "
                + target
        ),
        ("half", "\"half\" is no target (--set). \(target)"),
        ("[]", "a list is empty (--set). \(target)"),
        ("[0]", "0 is out of range (--set). \(target)"),
        ("[3, 3]", "a list names a layer twice (--set). \(target)"),
        ("[[3]]", "a list is not a whole number (--set). \(target)"),
        ("{groups: 1}", "1 is out of range (--set). \(target)"),
        ("{groups: 2, map: {1: 0}}", "a mapping has not exactly one key (--set). \(target)"),
        (
            "{map: {}}",
            "a mapping is not a mapping of layers to the layers they reuse (--set). \(target)"
        ),
        (
            "{map: {3: 3}}",
            "layer 3 cannot reuse layer 3 (--set). Name a source before the layer."
        ),
        (
            "{map: {3: 2, 03: 1}}", "layer 3 is written twice (--set). Remove one of them."
        ),
        (
            "{map: {3: 2, 2: 1}}",
            "layer 3 reuses layer 2, which reuses another itself (--set). "
                + "Name a source that computes its own activations."
        ),
        ("{map: {a: 1}}", "\"a\" is not a whole number (--set). \(target)"),
    ]

    @Test(
        "targets",
        arguments: Self.targetForms)
    func targets(yaml: String, text: String) {
        #expect(
            error(RunConfigTests.minimal, ["sharing={target: \(yaml)}"])
                == "sharing.target: \(text)")
    }

    @Test func aTargetOfAnUnknownForm() {
        #expect(
            error(RunConfigTests.minimal, ["sharing={target: {group: 3}}"])
                == """
                sharing.target.group: unknown key (--set). Did you mean groups? \
                Use one of groups, map.
                """)
        #expect(
            error(RunConfigTests.minimal, ["sharing={growth: 3}"])
                == "sharing.target: missing. Write \(Self.target.dropFirst(4).dropLast()): "
                + RunFileKey.named("sharing.target")!.meaning)
    }

    static let wholeFiles: [(String, String)] = [
        ("", "run file: no value is written. Write null where none is meant."),
        ("# nothing", "run file: no value is written. Write null where none is meant."),
        (
            "[1]",
            "run file: a list is not a mapping of keys to values (line 1). "
                + "Use keys such as model, data, sharing."
        ),
        (
            "model: {preset: 20m}\ndata: {path: D}",
            "training: missing. Write a mapping: How to train."
        ),
        (
            "model: {preset: 20m}\ntraining: {steps: 1}",
            "data: missing. Write a mapping: What to train on."
        ),
        (
            RunConfigTests.minimal + "\ntrianing: {}",
            """
            trianing: unknown key (line 4). Did you mean training? Use one of checkpoint, \
            data, model, runtime, sharing, training, validation.
            """
        ),
        (
            RunConfigTests.minimal + "\ncheckpoint:\n  every: 10\n  keep: many",
            "checkpoint.keep: \"many\" is not a whole number (line 6). "
                + "Use a whole number from 1 to 1000000."
        ),
        (
            RunConfigTests.minimal + "\nvalidation: &v {every: 1}",
            "run file: YAML anchors and aliases (& and *) are not accepted (line 4). "
                + "Write the value out, or put quotes around a text that starts so."
        ),
        (
            RunConfigTests.minimal + "\nvalidation: {every: &v 1}\ncheckpoint: {every: *v}",
            "run file: YAML anchors and aliases (& and *) are not accepted (line 4). "
                + "Write the value out, or put quotes around a text that starts so."
        ),
        (
            RunConfigTests.minimal + "\nvalidation: {every: !!int 1}",
            "run file: YAML tags (!) are not accepted (line 4). "
                + "Remove the tag, or put quotes around a text that starts so."
        ),
        (
            RunConfigTests.minimal + "\ncheckpoint: {keep: 1, keep: 2}",
            "keep: the key is written twice (first on line 4). Remove one of them."
        ),
        (
            RunConfigTests.minimal + "\n---\na: 1",
            "run file: not YAML: expected a single document in the stream, "
                + "but found another document (line 4, column 1). "
                + "Correct the line or the one above."
        ),
        (
            RunConfigTests.minimal + "\n? [a]\n: 1",
            "run file: a key is a collection (line 4). Use a plain name as key."
        ),
        (
            "model: {preset: 20m\ndata: 1",
            "run file: not YAML: while parsing a flow mapping, did not find expected ',' or "
                + "'}' (line 2, column 5). Correct the line or the one above."
        ),
        (
            "model:\n\t{preset: 20m}",
            "run file: not YAML: while scanning for the next token, found character that "
                + "cannot start any token (line 2, column 1). "
                + "Correct the line or the one above."
        ),
        (
            "model: {preset: 20m}\ndata: \u{0}",
            "run file: not YAML: control characters are not allowed (line 2). "
                + "Remove the character, or write it as an escape in double quotes."
        ),
    ]

    @Test(
        "whole files",
        arguments: Self.wholeFiles)
    func files(yaml: String, text: String) {
        #expect(error(yaml) == text)
    }

    @Test(
        "nesting and indirection beyond bounds end in an error, quickly",
        arguments: [
            "a: " + String(repeating: "[", count: 200_000),
            "a: " + String(repeating: "{a: ", count: 60_000),
            String(repeating: "- ", count: 100_000) + "a",
            String(repeating: "? ", count: 100_000) + "a",
            (0..<400).map { String(repeating: " ", count: $0) + "a:\n" }.joined(),
            "a: " + String(repeating: "[", count: 512) + String(repeating: "]", count: 512),
            String(repeating: "[a: ", count: 512) + String(repeating: "]", count: 512),
            "a: " + String(repeating: "\"]\", [", count: 1000),
            String(repeating: "- ", count: 128) + "a",
        ])
    func deep(yaml: String) {
        let text = error(yaml)
        #expect(text?.contains("the nesting is deeper than any setting's") == true, "\(text ?? "")")
    }

    @Test func aliasBombs() {
        var values = "a0: &a0 [x, x]\n"
        var keys = "- &a0 [x, x]\n"
        for level in 1..<40 {
            values += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n"
            keys += "- &a\(level) [*a\(level - 1), *a\(level - 1)]\n"
        }
        keys += "- {*a39 : 1}\n"
        for bomb in [values, keys, String(values.prefix(600)), String(keys.prefix(500))] {
            #expect(error(bomb)?.contains("anchors and aliases") == true)
        }
    }

    @Test(
        "bytes at random, and files with bytes at random, never stop the process",
        arguments: [UInt64](1...300))
    func noise(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let alphabet = Array(
            "[]{}:,-?&*!|>'\"%@#\n \t~0123456789.eE_truefalsnmodipx\\\u{FEFF}é".unicodeScalars)
        var scalars = Array(random.runFile().unicodeScalars)
        for _ in 0..<Int.random(in: 1...20, using: &random) {
            let index = Int.random(in: 0..<scalars.count, using: &random)
            scalars[index] = alphabet.randomElement(using: &random)!
        }
        if seed % 3 == 0 {
            scalars = (0..<200).map { _ in alphabet.randomElement(using: &random)! }
        }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        // Either a value that writes itself back, or an error that says what to do.
        do throws(ConfigError) {
            let config = try RunConfig(yaml: String(text))
            #expect(throws: Never.self) { try RunConfig(yaml: config.yaml) }
        } catch {
            #expect(!error.key.isEmpty)
            #expect(error.remedy.hasSuffix("."))
        }
    }
}
