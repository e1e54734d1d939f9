import EPASInference
import EPASJSON
import HTTPTypes

/// The fields that say how tokens are chosen, the same for texts and for chats.
struct SamplingFields {
    let temperature: Double
    let topK: Int?
    let topP: Double
    let minP: Double
    let repetitionPenalty: Double
    let presencePenalty: Double
    let frequencyPenalty: Double
    let logitBias: [Int32: Double]
    /// The seed of the first text; one that nobody knows unless the request gives it.
    let seed: UInt64

    init(_ fields: inout RequestFields, vocabulary: Int, limits: ServerLimits) throws(APIError) {
        temperature = try fields.number("temperature", in: 0...2) ?? 1
        topP = try fields.number("top_p", in: 0...1) ?? 1
        guard topP > 0 else {
            throw .invalid("top_p", "top_p is 0. Use a number above 0, at most 1.")
        }
        minP = try fields.number("min_p", in: 0...1) ?? 0
        // 0 and -1 are what other servers take for "all".
        let topK = try fields.integer("top_k", in: -1...Int(Int32.max)) ?? 0
        self.topK = topK < 1 ? nil : topK
        repetitionPenalty = try fields.number("repetition_penalty", in: 0...2) ?? 1
        guard repetitionPenalty > 0 else {
            throw .invalid(
                "repetition_penalty",
                "repetition_penalty is 0. Use a number above 0, at most 2.")
        }
        presencePenalty = try fields.number("presence_penalty", in: -2...2) ?? 0
        frequencyPenalty = try fields.number("frequency_penalty", in: -2...2) ?? 0
        logitBias = try Self.biases(&fields, vocabulary: vocabulary, most: limits.biases)
        let seed = try fields.integer("seed", in: Int.min...Int.max)
        self.seed = seed.map { UInt64(bitPattern: Int64($0)) } ?? .random(in: 0 ... .max)
    }

    /// An object from tokens, as texts of whole numbers, to what is added to their logits.
    private static func biases(
        _ fields: inout RequestFields, vocabulary: Int, most: Int
    ) throws(APIError) -> [Int32: Double] {
        guard let value = fields.value("logit_bias") else { return [:] }
        guard case .object(let entries) = value else {
            throw .invalid(
                "logit_bias",
                "logit_bias is \(value.quotation). Use an object from tokens to numbers.")
        }
        guard entries.count <= most else {
            throw .invalid(
                "logit_bias",
                "logit_bias has \(entries.count) tokens. Use at most \(most).")
        }
        var biases: [Int32: Double] = [:]
        for (name, value) in entries {
            // One spelling for each token, so that none is named twice.
            guard let token = Int32(name), "\(token)" == name, token >= 0,
                Int(token) < vocabulary
            else {
                throw .invalid(
                    "logit_bias",
                    "logit_bias names the token \"\(shown(name))\". Use whole numbers from 0 to "
                        + "\(vocabulary - 1).")
            }
            guard let bias = value.double, (-100...100).contains(bias) else {
                throw .invalid(
                    "logit_bias",
                    "logit_bias of token \(token) is \(value.quotation). Use a number from -100 "
                        + "to 100.")
            }
            biases[token] = bias
        }
        return biases
    }

    /// The sampler of a text, by its number among those of one prompt.
    func sampler(choice: Int) throws(APIError) -> Sampler {
        do throws(SamplerError) {
            return try Sampler(
                temperature: temperature, topK: topK, topP: topP, minP: minP,
                repetitionPenalty: repetitionPenalty, presencePenalty: presencePenalty,
                frequencyPenalty: frequencyPenalty, logitBias: logitBias,
                seed: seed &+ UInt64(choice))
        } catch {
            throw APIError(.badRequest, error.description)
        }
    }
}
