import ArgumentParser
import EPASInference

/// How the commands that write texts choose tokens.
struct SamplingOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            0 takes the most likely token; 1 samples from the model's distribution. (default: 0, \
            in chats 0.7)
            """, valueName: "number"))
    var temperature: Double?

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

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Sample only from tokens at least this likely, as a part of the likeliest one's.",
            valueName: "fraction"))
    var minP = 0.0

    @Option(
        help: ArgumentHelp(
            "Makes tokens that have occurred less likely; 1 changes nothing.", valueName: "number"))
    var repetitionPenalty = 1.0

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Taken off the logits of tokens that have been generated.", valueName: "number"))
    var presencePenalty = 0.0

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Taken off once for each time that a token has been generated.", valueName: "number"))
    var frequencyPenalty = 0.0

    @Option(help: ArgumentHelp("Seed of the sampling.", valueName: "number"))
    var seed: UInt64 = 0

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Text that ends what is written, and is not part of it; may be repeated.",
            valueName: "text"))
    var stop: [String] = []

    func validate() throws {
        _ = try sampler(temperature: 0)
        try require(!stop.contains(""), "--stop is empty. Give some text.")
    }

    /// - Parameter usual: The temperature where none is given.
    /// - Throws: `ValidationError` for a value outside its range.
    func sampler(temperature usual: Double, seed: UInt64? = nil) throws -> Sampler {
        do throws(SamplerError) {
            return try Sampler(
                temperature: temperature ?? usual, topK: topK, topP: topP, minP: minP,
                repetitionPenalty: repetitionPenalty, presencePenalty: presencePenalty,
                frequencyPenalty: frequencyPenalty, seed: seed ?? self.seed)
        } catch {
            throw ValidationError("--\(error.setting) is \(error.value). Use \(error.range).")
        }
    }
}
