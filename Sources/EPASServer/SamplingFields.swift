import EPASInference
import HTTPTypes

/// The fields that say how tokens are chosen, the same for texts and for chats.
struct SamplingFields {
    let temperature: Double
    let topK: Int?
    let topP: Double
    /// The seed of the first text; `nil` asks for one that nobody knows.
    let seed: UInt64

    init(_ fields: inout RequestFields, vocabulary: Int, limits: ServerLimits) throws(APIError) {
        temperature = try fields.number("temperature", in: 0...2) ?? 1
        topP = try fields.number("top_p", in: 0...1) ?? 1
        guard topP > 0 else {
            throw .invalid("top_p", "top_p is 0. Use a number above 0, at most 1.")
        }
        // 0 and -1 are what other servers take for "all".
        let topK = try fields.integer("top_k", in: -1...Int(Int32.max)) ?? 0
        self.topK = topK < 1 ? nil : topK
        let seed = try fields.integer("seed", in: Int.min...Int.max)
        self.seed = seed.map { UInt64(bitPattern: Int64($0)) } ?? .random(in: 0 ... .max)
    }

    /// The sampler of a text, by its number among those of one prompt.
    func sampler(choice: Int) throws(APIError) -> Sampler {
        do throws(SamplerError) {
            return try Sampler(
                temperature: temperature, topK: topK, topP: topP,
                seed: seed &+ UInt64(choice))
        } catch {
            throw APIError(.badRequest, error.description)
        }
    }
}
