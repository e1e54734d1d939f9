import Foundation
import Testing

@Suite("epas --help")
struct HelpTests {
    @Test(
        "every command's help names its options",
        arguments: [
            (
                ["data", "prepare"],
                "input output tokenizer vocabulary-size validation-fraction text-field include "
                    + "exclude strict threads seed shard-tokens document-limit sample-limit force "
                    + "json"
            ),
            (["train"], "set output resume help-run-file"),
            (["plan"], "set json"),
            (
                ["evaluate"],
                "data tasks split batch sequence batches dtype weights at-most-below at-least-tokens-per-second cache-within context output share speed/--no-speed json plugin threads program-cache"
            ),
            (
                ["chat"],
                "system max-tokens chat-template share dtype weights temperature top-k top-p min-p "
                    + "repetition-penalty presence-penalty frequency-penalty seed stop plugin "
                    + "threads program-cache"
            ),
            (
                ["serve"],
                "host port name share max-share adaptive-share chat-template dtype weights api-keys-file quiet slots "
                    + "queue cache-size max-sequence prompt-chunk no-prefix-cache max-tokens "
                    + "max-texts max-body max-connections timeout drain plugin threads "
                    + "program-cache"
            ),
            (
                ["generate"],
                "prompt max-tokens temperature top-k top-p min-p repetition-penalty presence-penalty frequency-penalty seed stop dtype weights json share plugin threads "
                    + "program-cache"
            ),
            (
                ["inspect"],
                "tokens dtype weights gradients output share plugin threads program-cache"
            ),
            (["flops"], "model share sequence json"),
            (
                ["report"],
                "data split batch sequence batches dtype share json output plugin threads "
                    + "program-cache"
            ),
            (
                ["benchmark", "train"],
                "model layers batch sequence steps dtype rematerialization breakdown share json plugin "
                    + "threads program-cache"
            ),
            (
                ["benchmark", "kernels"],
                "model layers batch sequence rows repeats kernel dtype json plugin threads program-cache"
            ),
        ])
    func help(command: [String], options: String) throws {
        let result = try Program.run(command + ["--help"])
        #expect(result.status == 0)
        #expect(result.errors == "")
        #expect(result.output.contains("USAGE: epas \(command.joined(separator: " "))"))
        let lines = result.output.split(separator: "\n")
        let listed = lines.filter { $0.hasPrefix("  --") }
            .map { $0.dropFirst(4).prefix { $0 != " " } }
        #expect(Set(listed) == Set(options.split(separator: " ") + ["version"]))
        #expect(try Program.run(["help"] + command).output == result.output)
    }

    @Test("without arguments the program shows what there is")
    func overview() throws {
        let result = try Program.run([])
        #expect(result.status == 0)
        for word in [
            "data", "train", "plan", "evaluate", "generate", "chat", "serve", "inspect", "flops",
            "report",
            "benchmark", "EPAS_PJRT_PLUGIN", "EPAS_DEPS", "EPAS_XLA_LOG", "130 interrupted",
        ] {
            #expect(result.output.contains(word))
        }
        #expect(try Program.run(["--help"]).output == result.output)
    }

    @Test func version() throws {
        let result = try Program.run(["--version"])
        #expect(result.status == 0)
        #expect(result.output.wholeMatch(of: #/\d+\.\d+\.\d+\n/#) != nil)
    }

    @Test("the run file's keys are documented")
    func runFile() throws {
        let result = try Program.run(["train", "--help-run-file"])
        #expect(result.status == 0)
        for key in ["model", "sharing", "growth", "learning_rate", "xla_log"] {
            #expect(result.output.contains(key))
        }
    }
}
