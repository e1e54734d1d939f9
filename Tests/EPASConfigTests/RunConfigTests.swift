import EPASConfig
import EPASTesting
import Foundation
import Testing

@Suite("Run file: what it accepts")
struct RunConfigTests {
    static let documented = """
        model:      {preset: 20m}            # a comment with [brackets] and *stars
        data:       {path: DIR}
        sharing:    {kind: qk, target: 0.5, growth: 1, interval: 100}
        training:   {steps: 400, batch: 8, sequence: 256, accumulation: 1,
                     precision: bfloat16, seed: 1,
                     learning_rate: {schedule: cosine, peak: 1e-3, warmup: 20, final: 1e-4},
                     weight_decay: 0.1, clip: 1.0}
        validation: {every: 100, lengths: [0, half, full]}
        checkpoint: {every: 100, keep: 3}
        runtime:    {plugin: cpu, threads: 0}
        """

    static let minimal = """
        model: {preset: 20m}
        data: {path: DIR}
        training: {steps: 400}
        """

    @Test func theDocumentedFile() throws {
        let config = try RunConfig(yaml: Self.documented)
        #expect(config.model == ModelSection(.preset("20m")))
        #expect(config.data.path == "DIR")
        #expect(
            config.sharing
                == SharingSection(kind: .qk, target: .fraction(0.5), growth: 1, interval: 100))
        #expect(config.sharing?.firstSwitch == 100)
        let training = config.training
        #expect(training.steps == 400)
        #expect(training.batch == 8)
        #expect(training.sequence == 256)
        #expect(training.accumulation == 1)
        #expect(training.precision == .bfloat16)
        #expect(training.seed == 1)
        #expect(training.learningRate.schedule == .cosine(final: 1e-4))
        #expect(training.learningRate.peak == 1e-3)
        #expect(training.learningRate.warmup == 20)
        #expect(training.weightDecay == 0.1)
        #expect(training.clip == 1)
        #expect(config.validation.every == 100)
        #expect(config.validation.lengths == [.layers(0), .half, .full])
        #expect(config.checkpoint.every == 100)
        #expect(config.checkpoint.keep == 3)
        #expect(config.runtime.plugin == "cpu")
        #expect(config.runtime.threads == 0)
    }

    @Test func recordedDefaults() throws {
        let config = try RunConfig(yaml: Self.minimal)
        #expect(config.sharing == nil)
        let training = config.training
        #expect(training.beta1 == 0.9)
        #expect(training.beta2 == 0.95)
        #expect(training.epsilon == 1e-8)
        #expect(training.weightDecay == 0.1)
        #expect(training.clip == 1)
        #expect(training.precision == .bfloat16)
        #expect(training.learningRate.warmup == 20)
        #expect(training.learningRate.schedule == .cosine(final: 1e-3 / 10))
        #expect(config.validation.batches == 16)
        #expect(config.runtime.plugin == nil)
        #expect(config.runtime.cache == nil)
        #expect(!config.runtime.showsXLALog)
    }

    @Test(
        "every target form",
        arguments: [
            ("0.5", .fraction(0.5)), (".25", .fraction(0.25)), ("5e-1", .fraction(0.5)),
            ("6", .count(6)), ("[8, 6, 7]", .layers([6, 7, 8])), ("pairs", .pairs),
            ("upper_half", .upperHalf), ("{groups: 3}", .groups(3)),
            (
                "{map: {9: 8, 7: 6}}",
                .map([.init(layer: 7, source: 6), .init(layer: 9, source: 8)])
            ),
        ] as [(String, SharingSection.Target)])
    func targets(yaml: String, target: SharingSection.Target) throws {
        let config = try RunConfig(yaml: Self.minimal + "\nsharing: {target: \(yaml)}")
        #expect(config.sharing == SharingSection(target: target))
    }

    @Test(
        "numbers as people write them",
        arguments: [
            ("1e-3", 1e-3), ("1E-3", 1e-3), ("1.e-3", 1e-3), ("0.001", 1e-3), (".001", 1e-3),
            ("+0.001", 1e-3), ("1", 1), ("0.000_1", 1e-4),
        ])
    func numbers(text: String, value: Double) throws {
        let config = try RunConfig(
            yaml: Self.minimal,
            overrides: [
                "training.learning_rate.peak=\(text)", "training.learning_rate.final=0",
            ])
        #expect(config.training.learningRate.peak == value)
    }

    @Test func overridesAreAppliedInOrderBeforeChecks() throws {
        let config = try RunConfig(
            yaml: Self.documented,
            overrides: [
                "training.steps=0", "training.steps=1_000", "sharing=null",
                "validation.lengths=[0,1]", "training.learning_rate={peak: 2e-3}",
                "training.clip=null", "runtime.cache=a b", "training.learning_rate.warmup=7",
                "model={layers: 2, width: 8, heads: 2, ffn: 16}",
                "model.tied=true", "checkpoint.keep=9",
            ])
        #expect(config.training.steps == 1000)
        #expect(config.sharing == nil)
        #expect(config.validation.lengths == [.layers(0), .layers(1)])
        #expect(config.training.learningRate.peak == 2e-3)
        #expect(config.training.learningRate.warmup == 7)
        #expect(config.training.clip == nil)
        #expect(config.runtime.cache == "a b")
        #expect(config.model.base == .fields)
        #expect(config.model.layers == 2)
        #expect(config.model.tiedEmbeddings == true)
        #expect(config.checkpoint.keep == 9)
    }

    @Test func anOverrideOpensAnAbsentSection() throws {
        let config = try RunConfig(
            yaml: Self.minimal, overrides: ["sharing.target=2", "sharing.kind=kv"])
        #expect(config.sharing == SharingSection(kind: .kv, target: .count(2)))
    }

    @Test(
        "the resolved file parses back to an equal value",
        arguments: [UInt64](1...200))
    func roundTrip(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let yaml = random.runFile()
        let config = try RunConfig(yaml: yaml)
        let again = try RunConfig(yaml: config.yaml)
        #expect(again == config)
        #expect(again.yaml == config.yaml)
    }

    @Test func aFileOnDisk() throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("epas-config-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let url = folder.appendingPathComponent("run.yaml")
        // Windows line ends and a byte order mark are YAML too.
        let text = "\u{FEFF}" + Self.minimal.replacing("\n", with: "\r\n")
        try Data(text.utf8).write(to: url)
        #expect(try RunConfig.load(url) == RunConfig(yaml: Self.minimal))
        let overridden = try RunConfig.load(url, overrides: ["training.steps=3"])
        #expect(overridden.training.steps == 3)

        func description(_ contents: Data?, _ url: URL) throws -> String? {
            try contents?.write(to: url)
            return #expect(throws: ConfigError.self) { try RunConfig.load(url) }?.description
        }
        #expect(
            try description(Data([0x61, 0xFF]), url)
                == "run.yaml: the file is not UTF-8 text. Save it as UTF-8.")
        #expect(
            try description(Data(repeating: 0x23, count: 300_000), url)
                == """
                run.yaml: the text is longer than 262144 bytes. \
                Name a run file; the longest takes a few KiB.
                """)
        let absent = folder.appendingPathComponent("absent.yaml")
        #expect(
            try description(nil, absent)
                == """
                absent.yaml: the run file \(absent.path) cannot be read. \
                Name a readable YAML file.
                """)
    }
}

/// A small generator of run files.
extension SplitMix {
    private mutating func pick(_ options: [String]) -> String {
        options.randomElement(using: &self)!
    }
    private mutating func integer(_ range: ClosedRange<Int>) -> Int {
        .random(in: range, using: &self)
    }
    private mutating func number(_ range: ClosedRange<Double>) -> Double {
        .random(in: range, using: &self)
    }
    private mutating func maybe(_ line: String) -> [String] {
        Bool.random(using: &self) ? [line] : []
    }

    /// A text in double quotes with characters that YAML treats specially.
    private mutating func text() -> String {
        let characters = Array(
            "ab/.-_ #:,[]{}&*!|>'%@`~0é漢\u{1F600}\\\"\t\u{85}\u{2028}\u{FEFF}")
        var quoted = "\""
        for _ in 0...integer(1...12) {
            let character = characters.randomElement(using: &self)!
            for scalar in character.unicodeScalars {
                quoted += "\\U" + String(format: "%08X", scalar.value)
            }
        }
        return quoted + "\""
    }

    mutating func runFile() -> String {
        let steps = integer(10...100_000)
        var lines: [String] = []
        switch integer(0...2) {
        case 0:
            lines.append("model: {preset: \(text()), vocabulary: \(integer(1...60_000))}")
        case 1:
            lines.append("model: {from: \(text())}")
        default:
            let head = 2 * integer(1...64)
            lines.append(
                """
                model: {layers: 12, width: 768, heads: 12, kv_heads: \(pick(["1", "3", "12"])), \
                head_dim: \(head), ffn: 2048, vocabulary: 32_000, rope_theta: \(number(1...1e6)), \
                norm_epsilon: 1e-6, tied: \(Bool.random(using: &self)), max_sequence: 128, \
                initializer_range: \(number(0.001...1))}
                """)
        }
        lines.append("data: {path: \(text())}")
        let isDeep = Bool.random(using: &self)
        let target =
            isDeep
            ? pick(["\(number(0.01...0.99))", "\(integer(1...30))"])
            : pick(["[3, 2, 9]", "pairs", "upper_half", "{groups: 4}", "{map: {7: 6, 3: 0}}"])
        var sharing = ["kind: \(pick(["qk", "kv", "scores"]))", "target: \(target)"]
        sharing += maybe("growth: \(integer(1...9))") + maybe("interval: \(integer(1...999))")
        sharing += maybe("first_switch: \(integer(0...999))")
        if isDeep { sharing += maybe("include_last: false") + maybe("regions: 3") }
        lines.append("sharing: " + pick(["null", "{\(sharing.joined(separator: ", "))}"]))
        let rate = pick([
            "schedule: constant, peak: \(number(1e-6...1))",
            "schedule: cosine, warmup: \(integer(0...steps)), final: 0",
            "schedule: wsd, warmup: 2, decay_steps: \(integer(1...(steps - 2)))", "peak: 1e-4",
        ])
        var training = ["steps: \(steps)", "learning_rate: {\(rate)}"]
        training += maybe("batch: \(integer(1...64))") + maybe("sequence: 1_024")
        training += maybe("precision: float32") + maybe("seed: \(integer(0...Int.max))")
        training += maybe("clip: \(pick(["null", "\(number(0.1...10))"]))")
        training += maybe("weight_decay: \(number(0...1))") + maybe("beta1: \(number(0...0.99))")
        training += maybe("epsilon: \(number(1e-12...1e-3))") + maybe("accumulation: 4")
        lines.append("training: {\(training.joined(separator: ", "))}")
        lines += maybe("validation: {every: 0, lengths: [full, 0, quarter, \(integer(1...9))]}")
        lines += maybe("checkpoint: {every: 7}")
        lines += maybe("runtime: {plugin: \(text()), cache: \(text()), xla_log: true, threads: 3}")
        lines.shuffle(using: &self)
        return lines.joined(separator: "\n")
    }
}
