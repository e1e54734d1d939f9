import EPASConfig
import EPASTesting
import Testing

@Suite("Run file: the documented keys")
struct RunFileHelpTests {
    @Test func theHelpNamesEveryKeyWithDefaultAndMeaning() throws {
        let help = RunFileHelp.text
        let lines = help.split(separator: "\n").map(String.init)
        for key in RunFileKey.all {
            #expect(lines.count(where: { $0 == key.path }) == 1, "\(key.path)")
            #expect(!key.meaning.isEmpty)
        }
        #expect(lines.allSatisfy { $0.count <= 80 })
        #expect(
            help.contains("training.beta2\n    a number of at least 0 and below 1; default: 0.95"))
        #expect(
            help.contains(
                "training.steps\n    a whole number from 1 to 1000000000; in steps; required"))
        #expect(help.contains("null: no clipping."))
    }

    @Test(
        "every documented key is read: a value of no use is refused by its name",
        arguments: RunFileKey.all.map(\.path))
    func everyDocumentedKeyIsRead(path: String) throws {
        // No key accepts a list of a mapping.
        let error = #expect(throws: ConfigError.self) {
            try RunConfig(yaml: RunConfigTests.documented, overrides: ["\(path)=[{a: 1}]"])
        }
        #expect(error?.key == path)
    }

    @Test(
        "every key of a resolved file is documented",
        arguments: [UInt64](1...50))
    func everyWrittenKeyIsDocumented(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let yaml = try RunConfig(yaml: random.runFile()).yaml
        var path: [String] = []
        for line in yaml.split(separator: "\n") {
            let depth = line.prefix { $0 == " " }.count / 2
            let name = String(line.drop { $0 == " " }.prefix { $0 != ":" })
            path = path.prefix(depth) + [name]
            // Inside a target or a map the keys are layers.
            if path.starts(with: ["sharing", "target"]), depth > 1 { continue }
            #expect(RunFileKey.named(path.joined(separator: ".")) != nil, "\(path)")
        }
    }

    @Test("a documented default is what an absent key is")
    func defaultsHold() throws {
        // Writing every literal default out changes nothing.
        let base = RunConfigTests.minimal + "\nsharing: {target: 2}"
        var overrides: [String] = []
        for key in RunFileKey.all where key.path != "sharing" {
            guard let value = key.defaultText, !value.contains(" ") || value.hasPrefix("[") else {
                continue
            }
            if value == "none" || value == "interval" { continue }
            overrides.append("\(key.path)=\(value)")
        }
        #expect(overrides.count > 20)
        #expect(try RunConfig(yaml: base, overrides: overrides) == RunConfig(yaml: base))
    }
}
