import ArgumentParser
import EPASCheckpoint
import EPASInference
import EPASModel
import EPASTokenizer
import EPASTraining
import Foundation

/// `epas generate`: continues a text.
struct GenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Continue a text at any region length.")

    @Argument(help: "A checkpoint folder, or a run folder for its last checkpoint.")
    var checkpoint: String

    @Option(help: "The text to continue.")
    var prompt: String

    @Option(help: "The most tokens to add.")
    var maxTokens = 64

    @Option(help: "0 takes the most likely token; 1 samples from the model's distribution.")
    var temperature = 0.0

    @Option(help: "Sample only from this many of the most likely tokens.")
    var topK: Int?

    @Option(help: "Sample only from the most likely tokens whose probabilities add up to this.")
    var topP = 1.0

    @Option(help: "Seed of the sampling.")
    var seed: UInt64 = 0

    @Option(help: "Type of activations and products.")
    var dtype = ComputeType.float32

    @OptionGroup var sharing: ShareOptions
    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        try require(maxTokens >= 1, "--max-tokens is \(maxTokens); use 1 or more.")
    }

    func run() throws {
        let sampler = try Sampler(temperature: temperature, topK: topK, topP: topP, seed: seed)
        let folder = try openModel(checkpoint)
        let plan = try sharing.plan(layers: folder.config.layers)
        let tokenizer = try loadTokenizer(at: folder.url)
        try require(
            tokenizer.vocabularySize <= folder.config.vocabulary,
            "The tokenizer has \(tokenizer.vocabularySize) tokens, but the model knows \(folder.config.vocabulary); put the model's own tokenizer into its folder."
        )
        let start = tokenizer.beginningOfSequence.map { [$0] } ?? []
        let tokens = start + tokenizer.encode(prompt)
        try require(
            !tokens.isEmpty, "--prompt is empty, and the tokenizer has no token to start with.")

        let (client, cache) = try runtime.open()
        let generator = TextGenerator(
            folder.config, plan: plan,
            parameters: try folder.upload(to: client, matrices: dtype.elementType), client: client,
            computeType: dtype.elementType, matrices: dtype.elementType, cache: cache)
        var printed = TextStream(tokenizer: tokenizer, after: tokens)
        write(prompt)
        _ = try generator.continuation(
            of: tokens, limit: maxTokens, sampler: sampler,
            stops: tokenizer.endOfSequence.map { [$0] } ?? []
        ) { token in
            write(printed.append(token))
            return true
        }
        write(printed.rest + "\n")
    }

    private func write(_ text: String) {
        FileHandle.standardOutput.write(Data(text.utf8))
    }
}
