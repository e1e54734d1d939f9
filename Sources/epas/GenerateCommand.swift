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

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "0 takes the most likely token; 1 samples from the model's distribution.",
            valueName: "number"))
    var temperature = 0.0

    @Option(
        help: ArgumentHelp(
            "Sample only from this many of the most likely tokens. (default: all)",
            valueName: "count"))
    var topK: Int?

    @Option(
        help: ArgumentHelp(
            "Sample only from the most likely tokens whose probabilities add up to this.",
            valueName: "fraction"))
    var topP = 1.0

    @Option(help: ArgumentHelp("Seed of the sampling.", valueName: "number"))
    var seed: UInt64 = 0

    @Option(help: dtypeHelp)
    var dtype = ComputeType.float32

    @OptionGroup var json: JSONOption

    @OptionGroup var sharing: ShareOption
    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        try requirePositive([("max-tokens", maxTokens)])
        _ = try sampler
    }

    private var sampler: Sampler {
        get throws {
            do throws(SamplerError) {
                return try Sampler(temperature: temperature, topK: topK, topP: topP, seed: seed)
            } catch {
                throw ValidationError("--\(error.setting) is \(error.value). Use \(error.range).")
            }
        }
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
            model, parameters: folder.upload(to: client, matrices: dtype.elementType),
            client: client, computeType: dtype.elementType, options: options, cache: cache)
        try engine.compile(plan)
        let request = GenerationRequest(
            prompt: tokens, plan: plan, sampler: try sampler, maximumTokens: min(maxTokens, room),
            stopTokens: Set(
                folder.endOfSequence.map(Int32.init) + [tokenizer.endOfSequence].compactMap(\.self)
            ))
        if !json.isOn { try write(prompt) }
        let prints = !json.isOn
        let (added, summary) = try blocking {
            var printed = TextStream(tokenizer: tokenizer, after: tokens)
            var added: [Int32] = []
            var summary: GenerationSummary?
            for try await event in try engine.submit(request) {
                switch event {
                case .prompt: break
                case .token(let token, _):
                    added.append(token)
                    if prints { try write(printed.append(token)) }
                case .finished(let end): summary = end
                }
            }
            if prints { try write(printed.rest + "\n") }
            return (added, summary)
        }
        let speed = summary.map(Speed.init)
        if json.isOn {
            try printJSON(
                Result(
                    share: plan.text(layers: model.layers), promptTokens: tokens, tokens: added,
                    text: tokenizer.decode(added),
                    promptTokensPerSecond: speed?.promptTokensPerSecond,
                    tokensPerSecond: speed?.tokensPerSecond))
        } else if let speed, isatty(STDERR_FILENO) == 1 {
            printError(speed.sentence)
        }
        if added.count == room, room < maxTokens {
            printError("Stopped at the model's longest sequence, \(model.maximumSequence) tokens.")
        }
    }

    /// How fast a request went.
    private struct Speed {
        /// `nil` where nothing was left to compute.
        let promptTokensPerSecond: Double?
        /// `nil` with fewer than two tokens, between which there is no time.
        let tokensPerSecond: Double?

        init(_ summary: GenerationSummary) {
            let prompt = Double(summary.promptTokens - summary.cachedTokens)
            promptTokensPerSecond =
                summary.promptSeconds > 0 ? prompt / summary.promptSeconds : nil
            tokensPerSecond =
                summary.newTokens > 1 && summary.decodeSeconds > 0
                ? Double(summary.newTokens - 1) / summary.decodeSeconds : nil
        }

        var sentence: String {
            func text(_ speed: Double?) -> String { speed.map { fixed($0, 1) } ?? "no" }
            return "\(text(promptTokensPerSecond)) prompt tokens/s, "
                + "\(text(tokensPerSecond)) new tokens/s"
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
