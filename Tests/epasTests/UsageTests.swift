import Foundation
import Testing

/// A mistake, and what the program says about it.
struct Mistake: CustomTestStringConvertible, Sendable {
    let arguments: [String]
    let message: String

    init(_ arguments: String..., says message: String) {
        self.arguments = arguments
        self.message = message
    }

    var testDescription: String { arguments.joined(separator: " ") }
}

@Suite("mistakes on the command line")
struct UsageTests {
    @Test(
        "wrong usage ends with code 64",
        arguments: [
            Mistake("train", says: "Name a run file, such as Recipes/demo.yaml."),
            Mistake("plan", says: "Name a run file, such as Recipes/demo.yaml."),
            Mistake("bogus", says: "Unexpected argument 'bogus'"),
            Mistake("flops", says: "Name either a checkpoint folder or a shape with --model."),
            Mistake(
                "flops", "x", "--model", "tiny",
                says: "Name either a checkpoint folder or a shape with --model."),
            Mistake(
                "flops", "--model", "99m",
                says: "--model: there is no shape \"99m\". "
                    + "Use one of tiny, 10m, 20m, 125m, 1.1b, 3b, 7b."),
            Mistake(
                "flops", "--model", "tiny", "--sequence", "0",
                says: "--sequence is 0. Use 1 or more."
            ),
            Mistake(
                "flops", "--model", "7b", "--share", "qk:32",
                says: "--share: 32 of 32 layers cannot share. "
                    + "Use 0 to 31: layer 0 always computes."),
            Mistake(
                "flops", "--model", "tiny", "--share", "qk",
                says: "--share: \"qk\" is not a sharing specification. Write KIND:N or "
                    + "KIND:a<b,c<d with KIND one of qk, kv, scores, such as qk:4."),
            Mistake(
                "flops", "--model", "tiny", "--share", "qk:1<2",
                says: "--share: layer 1 cannot reuse layer 2, which does not come before it. "
                    + "Name a shallower source layer."),
            Mistake(
                "benchmark", "train", "--batch", "0", says: "--batch is 0. Use 1 or more."),
            Mistake(
                "benchmark", "train", "--batch", "9223372036854775807",
                says: "--batch is 9223372036854775807 and --sequence 512. "
                    + "Use at most 65536 and 1048576."),
            Mistake(
                "benchmark", "train", "--layers", "0", says: "--layers is 0. Use 1 to 1024."),
            Mistake(
                "benchmark", "train", "--model", "tiny", "--layers", "2", "--share", "qk:2",
                says: "--share: 2 of 2 layers cannot share. Use 0 to 1: layer 0 always computes."),
            Mistake(
                "benchmark", "kernels", "--repeats", "0", says: "--repeats is 0. Use 1 or more."),
            Mistake(
                "benchmark", "kernels", "--rows", "9223372036854775807",
                says: "--batch is 4, --sequence 512 and --rows 9223372036854775807. "
                    + "Use at most 1024, 131072 and 1024."),
            Mistake(
                "evaluate", "x", "--data", "y", "--split", "test",
                says: "--split is \"test\". Use validation or train."),
            Mistake(
                "evaluate", "x", "--data", "y", "--threads", "-1",
                says: "--threads is -1. Use 0 or more."),
            Mistake(
                "generate", "x", "--prompt", "y", "--max-tokens", "0",
                says: "--max-tokens is 0. Use 1 or more."),
            Mistake(
                "generate", "x", "--prompt", "y", "--temperature", "-1",
                says: "--temperature is -1.0. Use 0 or more."),
            Mistake(
                "generate", "x", "--prompt", "y", "--top-p", "0",
                says: "--top-p is 0.0. Use above 0, at most 1."),
            Mistake(
                "generate", "x", "--prompt", "y", "--top-k", "0",
                says: "--top-k is 0. Use 1 or more."),
        ])
    func usage(mistake: Mistake) throws {
        let result = try Program.run(mistake.arguments)
        #expect(result.status == 64)
        #expect(result.output == "")
        #expect(result.errors.split(separator: "\n").first == "Error: \(mistake.message)")
    }

    @Test(
        "mistakes that only the checkpoint shows are wrong usage too",
        arguments: [
            Mistake(
                "evaluate", "runs/run", "--data", "data", "--share", "qk:0,9",
                says: "--share: 9 of 4 layers cannot share. Use 0 to 3: layer 0 always computes."),
            Mistake(
                "generate", "runs/run", "--prompt", String(repeating: "= ", count: 100),
                says: "--prompt has 102 tokens, but the model's longest sequence is 64. "
                    + "Shorten the prompt."),
            Mistake(
                "inspect", "runs/run", "--tokens", "1,290", "--output", "never.safetensors",
                says: "--tokens has \"290\". Use token ids from 0 to 289."),
            Mistake(
                "inspect", "runs/run", "--tokens", "-1,2", "--output", "never.safetensors",
                says: "--tokens has \"-1\". Use token ids from 0 to 289."),
            Mistake(
                "inspect", "runs/run", "--tokens", "1", "--output", "never.safetensors",
                says: "--tokens has one token a row. "
                    + "Give at least two: the first predicts the second."),
            Mistake(
                "inspect", "runs/run", "--tokens", "1,2;3", "--output", "never.safetensors",
                says: "--tokens has rows of different lengths. "
                    + "Give each row equally many ids."),
            Mistake(
                "inspect", "runs/run", "--tokens", "1,2", "--output", "",
                says: "--output is empty. Name a file."),
        ])
    func usageOfACheckpoint(mistake: Mistake) throws {
        let result = try Program.run(mistake.arguments, in: Pipeline.get().folder)
        #expect(result.status == 64)
        #expect(result.output == "")
        #expect(result.errors == "Error: \(mistake.message)\n")
    }

    @Test(
        "what cannot be used ends with code 1",
        arguments: [
            Mistake(
                "train", "missing.yaml",
                says: "missing.yaml: the run file FOLDER/missing.yaml cannot be read. "
                    + "Name a readable YAML file."),
            Mistake(
                "train", "texts",
                says: "texts: the run file FOLDER/texts cannot be read. "
                    + "Name a readable YAML file."),
            Mistake(
                "train", "run.yaml",
                says: "FOLDER/runs/run: the run folder has checkpoints of an earlier run. "
                    + "Continue it with --resume, or choose another folder with --output."),
            Mistake(
                "train", "run.yaml", "--output", "texts/0.txt",
                says: "FOLDER/texts/0.txt: the run folder cannot be created. Check that no file "
                    + "is in its place, the permissions of the folder above it, and the disk."),
            Mistake(
                "train", "run.yaml", "--set", "training.stps=3",
                says: "training.stps: unknown key (--set). Did you mean steps? Use one of "
                    + "accumulation, batch, beta1, beta2, clip, epsilon, learning_rate, "
                    + "moments, precision, rematerialization, seed, sequence, steps, weight_decay."),
            Mistake(
                "train", "run.yaml", "--set", "training.batch=0",
                says: "training.batch: 0 is out of range (--set). "
                    + "Use a whole number from 1 to 65536."),
            Mistake(
                "train", "run.yaml", "--output", "refused", "--set", "training.batch=60000",
                says: "The train data of FOLDER/data has 104386 tokens, which is 6524 sequences "
                    + "of 16 and too few for one batch of 60000. "
                    + "Lower the batch or the sequence length, or prepare more text."),
            Mistake(
                "train", "run.yaml", "--output", "refused", "--set", "data.path=texts",
                says: "FOLDER/texts holds no manifest.json, so it is not a finished data set. "
                    + "Make one with `epas data prepare`."),
            Mistake(
                "train", "run.yaml", "--output", "refused", "--set", "model.vocabulary=20",
                says: "model.vocabulary: 20 tokens cannot hold the data's vocabulary of 290. "
                    + "Use at least 290, or prepare the data with the model's tokenizer."),
            Mistake(
                "plan", "run.yaml", "--set", "model.preset=99m",
                says: "model.preset: there is no preset \"99m\". "
                    + "Use one of tiny, 10m, 20m, 125m, 1.1b, 3b, 7b."),
            Mistake(
                "evaluate", "nowhere", "--data", "data",
                says: "There is no folder nowhere. Check the path."),
            Mistake(
                "evaluate", "run.yaml", "--data", "data",
                says: "run.yaml is a file. Name the folder that it is in."),
            Mistake(
                "evaluate", "texts", "--data", "data",
                says: "texts holds neither a model (config.json) nor a run's checkpoints. "
                    + "Name a checkpoint or run folder."),
            Mistake(
                "evaluate", "runs/run", "--data", "data without validation",
                says: "The data of data without validation has no validation split. Use another "
                    + "--split, or prepare it with a larger --validation-fraction."),
            Mistake(
                "evaluate", "runs/run", "--data", "data", "--sequence", "100000",
                says: "The validation data of FOLDER/data has 26282 tokens, too few for a "
                    + "sequence of 100000 and its next token. Lower the sequence length, or "
                    + "prepare the text with a larger --validation-fraction."),
            Mistake(
                "evaluate", "runs/run", "--data", "data", "--plugin", "nowhere.so",
                says: "The plugin was not found in nowhere.so. "
                    + "Set runtime.plugin to cpu, cuda or a plugin's path."),
            Mistake(
                "inspect", "runs/run", "--tokens", "1,2", "--output", "texts",
                says: "--output texts is not a file. Name a file."),
            Mistake(
                "inspect", "runs/run", "--tokens", "1,2", "--output", "nowhere/x",
                says: "There is no folder FOLDER/nowhere. Check the path."),
            Mistake(
                "report", "runs/run", "--data", "data", "--output", "run.yaml",
                says: "FOLDER/run.yaml: A file with the same name already exists. "
                    + "Check the path, its permissions and the disk."),
            Mistake(
                "data", "prepare", "--input", "texts", "--output", "refused", "--vocabulary-size",
                "9",
                says: "A vocabulary of 9 tokens is not possible. Use 260 to 1048575 tokens."),
            Mistake(
                "data", "prepare", "--input", "texts", "--output", "data", "--vocabulary-size",
                "290",
                says: "FOLDER/data already holds a data set. "
                    + "Choose another --output, or replace it with --force."),
        ])
    func unusable(mistake: Mistake) throws {
        let folder = try Pipeline.get().folder
        let result = try Program.run(mistake.arguments, in: folder)
        let path = folder.resolvingSymlinksInPath().path
        #expect(result.status == 1)
        #expect(result.output == "")
        #expect(
            result.errors.replacingOccurrences(of: path, with: "FOLDER")
                == "Error: \(mistake.message)\n")
    }

    @Test("output that nobody can take is an error, and a closed pipe is not worth a word")
    func lostOutput() throws {
        let full = try Program.run(script: "\"$0\" flops --model tiny > /dev/full")
        #expect(full.status == 1)
        #expect(
            full.errors == "Error: The output cannot be written: No space left on device. "
                + "Send it elsewhere, or free some space.\n")
        let closed = try Program.run(
            script: "(sleep 1; \"$0\" flops --model tiny; echo $? >&2) | true")
        #expect(closed.errors == "1\n")
    }
}
