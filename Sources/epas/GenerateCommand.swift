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

    @OptionGroup var source: CheckpointArgument

    @Option(
        parsing: .unconditional, help: ArgumentHelp("The text to continue.", valueName: "text"))
    var prompt: String

    @Option(help: ArgumentHelp("The most tokens to add.", valueName: "count"))
    var maxTokens = 64

    @Option(help: dtypeHelp)
    var dtype = ComputeType.float32

    @OptionGroup var weights: WeightsOption

    @OptionGroup(title: "Sampling") var sampling: SamplingOptions
    @OptionGroup var json: JSONOption
    @OptionGroup var sharing: ShareOption
    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        try requirePositive([("max-tokens", maxTokens)])
    }

    func run() throws {
        let folder = try source.open()
        let model = folder.config
        let plan = try sharing.plan(layers: model.layers)
        let tokenizer = try loadTokenizer(at: folder.url)
        try requireInput(
            tokenizer.vocabularySize <= model.vocabulary,
            "The tokenizer has \(tokenizer.vocabularySize) tokens, but the model knows \(model.vocabulary). Put the model's own tokenizer into its folder."
        )
        let start = tokenizer.beginningOfSequence.map { [$0] } ?? []
        let tokens = start + tokenizer.encode(prompt)
        try require(
            !tokens.isEmpty,
            "--prompt is empty, and the tokenizer has no token to start with. Give some text.")
        let room = model.maximumSequence - tokens.count
        try require(
            room >= 1,
            "--prompt has \(tokens.count) tokens, but the model's longest sequence is \(model.maximumSequence). Shorten the prompt."
        )

        let (client, cache) = try runtime.open()
        var options = EngineOptions()
        options.slots = 1
        options.maximumSequence = tokens.count + min(maxTokens, room)
        let engine = try Engine(
            model, parameters: folder.upload(to: client, matrices: weights.format(dtype)),
            client: client, computeType: dtype.elementType, matrices: weights.format(dtype),
            options: options, cache: cache)
        try engine.compile(plan)
        let request = GenerationRequest(
            prompt: tokens, plan: plan, sampler: try sampling.sampler(temperature: 0),
            maximumTokens: min(maxTokens, room), stopTokens: folder.stopTokens(tokenizer))
        if !json.isOn { try write(prompt) }
        let (prints, stops) = (!json.isOn, sampling.stop)
        let added = try blocking {
            let added = try await Continuation(
                request, on: engine, tokenizer: tokenizer, stops: stops,
                write: { if prints { try epas.write($0) } })
            if prints { try printLine() }
            return added
        }
        let speed = added.speed
        if json.isOn {
            try printJSON(
                Result(
                    share: plan.text(layers: model.layers), promptTokens: tokens,
                    tokens: added.tokens,
                    text: added.text,
                    promptTokensPerSecond: speed?.promptTokensPerSecond,
                    tokensPerSecond: speed?.tokensPerSecond))
        } else if let speed, isatty(STDERR_FILENO) == 1 {
            printError(speed.sentence)
        }
        if added.tokens.count == room, room < maxTokens {
            printError("Stopped at the model's longest sequence, \(model.maximumSequence) tokens.")
        }
    }

    private struct Result: Encodable {
        let share: String
        /// The prompt's tokens, the token that starts a sequence included.
        let promptTokens: [Int32]
        /// The tokens added, without the one that ended the text.
        let tokens: [Int32]
        /// Of the tokens added.
        let text: String
        /// Until the first new token.
        let promptTokensPerSecond: Double?
        /// From the first new token on.
        let tokensPerSecond: Double?
    }
}

extension ModelFolder {
    /// The tokens that end a text: the folder's and the tokenizer's.
    func stopTokens(_ tokenizer: any Tokenizer) -> Set<Int32> {
        Set(endOfSequence.map(Int32.init) + [tokenizer.endOfSequence].compactMap(\.self))
    }
}
