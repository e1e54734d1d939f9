import EPASCheckpoint
import EPASJSON
import EPASTesting
import Testing

@testable import EPASServer

@Suite("Random requests")
struct RequestFuzzTests {
    private static let completions = [
        #"{"prompt": "abc"}"#,
        #"{"model": "tiny@share=kv:3", "prompt": ["ab", "çd"], "n": 2, "best_of": 4, "seed": -5}"#,
        #"{"prompt": [[97, 98], [99]], "max_tokens": 0, "echo": true, "logprobs": 5}"#,
        #"{"prompt": [1, 2, 257], "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 1e-3}"#,
        #"{"prompt": "a", "stream": true, "stream_options": {"include_usage": true}, "stop": ["\n", "é"]}"#,
        #"{"prompt": "\ud83c\udf89", "logit_bias": {"5": -100, "97": 2.5}, "presence_penalty": -2}"#,
        #"{"prompt": "a", "sharing_layers": 2, "user": "u", "frequency_penalty": 2, "suffix": null}"#,
    ]
    private static let chats = [
        #"{"messages": [{"role": "user", "content": "hi"}]}"#,
        #"{"messages": [{"role": "system", "content": [{"type": "text", "text": "a"}]}, {"role": "user", "content": "b", "name": "c"}], "logprobs": true, "top_logprobs": 3}"#,
        #"{"model": "tiny", "messages": [{"role": "developer", "content": ""}], "max_completion_tokens": 5, "n": 3, "tools": [], "response_format": {"type": "text"}}"#,
        #"{"messages": [{"role": "user", "content": "x"}], "stream": true, "repetition_penalty": 1.5, "seed": 9223372036854775807}"#,
    ]

    private static func reader(_ random: inout SplitMix) throws -> RequestReader {
        RequestReader(
            model: ServedModel(
                name: "tiny", tokenizer: ByteTokenizer(), stopTokens: [ByteTokenizer.end],
                chat: PlainChat(),
                sharing: try ServedSharing(
                    .init(kind: "qk", layers: 2, maximumLayers: 5), layers: 8),
                fingerprint: "x"),
            vocabulary: 258, maximumSequence: 64, limits: ServerLimits(),
            headerCount: [nil, nil, nil, nil, nil, 2, -1, .max].randomElement(using: &random)!,
            loadCount: [nil, 3, 99].randomElement(using: &random)!)
    }

    /// Values that break readers of JSON.
    private static let values = [
        "null", "true", "-0", "1e999", "-1e999", "9223372036854775807", "9223372036854775808",
        "-9223372036854775808", "1e-999", "0.1", "1e2", "[]", "{}", "[[]]", "[null]", #""""#,
        #""\u0000""#, #""\ud800""#, "\"\u{301}\"", "[1e400]", "[-1]", "{\"\": 0}", "2147483648",
        "[[[[[[[[1]]]]]]]]", "\"tiny@share=99999999999999999999\"", "[\"\", \"\"]",
    ]

    private static func mutated(
        _ text: String, _ random: inout SplitMix
    ) -> [UInt8] {
        var bytes = Array(text.utf8)
        for _ in 0..<Int.random(in: 1...2, using: &random) {
            let index = Int.random(in: 0..<max(bytes.count, 1), using: &random)
            switch Int.random(in: 0..<12, using: &random) {
            case 0 where !bytes.isEmpty: bytes[index] = .random(in: 0...255, using: &random)
            case 1 where !bytes.isEmpty: bytes.remove(at: index)
            case 2: bytes.insert(.random(in: 0...255, using: &random), at: index)
            case 3: bytes.removeSubrange(index...)
            case 4:
                let end = min(bytes.count, index + Int.random(in: 0...30, using: &random))
                bytes.insert(contentsOf: bytes[index..<end], at: index)
            default: bytes = replacingValue(bytes, &random)
            }
        }
        return bytes
    }

    /// Puts another value where one follows a colon, so that most of the rest stays right.
    private static func replacingValue(
        _ bytes: [UInt8], _ random: inout SplitMix
    ) -> [UInt8] {
        let colons = bytes.indices.filter { bytes[$0] == UInt8(ascii: ":") }
        guard let colon = colons.randomElement(using: &random) else { return bytes }
        var scanner = colon + 1
        var depth = 0
        while scanner < bytes.count {
            let byte = bytes[scanner]
            if "[{".utf8.contains(byte) { depth += 1 }
            if "]}".utf8.contains(byte) { depth -= 1 }
            if depth < 0 || depth == 0 && byte == UInt8(ascii: ",") { break }
            scanner += 1
        }
        let value = values.randomElement(using: &random)!
        return Array(bytes[...colon]) + value.utf8 + Array(bytes[scanner...])
    }

    @Test("3000 mutations of right requests are read, or refused in a sentence")
    func mutations() throws {
        var random = SplitMix(seed: 2024)
        var read = 0
        var sentences: Set<String> = []
        for round in 0..<3000 {
            let isChat = round.isMultiple(of: 3)
            let text = (isChat ? Self.chats : Self.completions).randomElement(using: &random)!
            let body = Self.mutated(text, &random)
            let reader = try Self.reader(&random)
            do throws(APIError) {
                let request = try isChat ? reader.chat(body) : reader.completion(body)
                read += 1
                Self.check(request)
            } catch {
                sentences.insert(error.message)
                #expect(error.message.hasSuffix("."), "\(error.message)")
                #expect("\(error.status)".hasPrefix("4"))
                #expect(error.message.utf8.count < 1200)
                // It can be written as JSON again.
                #expect(throws: Never.self) {
                    _ = try error.json.withUnsafeBytes { try JSONValue($0) }
                }
            }
        }
        // Neither everything nor nothing was refused, and not for one reason.
        #expect(read > 100)
        #expect(sentences.count > 100)
    }

    /// What was read can run: what an engine takes for granted holds.
    private static func check(_ request: TextRequest) {
        #expect(!request.prompts.isEmpty)
        for (prompt, limit) in zip(request.prompts, request.maximumTokens) {
            #expect(!prompt.isEmpty)
            #expect(prompt.allSatisfy { (0..<258).contains($0) })
            #expect(limit >= 0 && prompt.count + limit <= 64)
        }
        #expect(request.candidates >= request.count && request.count >= 1)
        #expect(request.prompts.count * request.candidates <= 128)
        #expect((0...5).contains(request.sharing.count))
        #expect(request.stops.allSatisfy { !$0.isEmpty })
        for candidate in 0..<request.candidates {
            #expect(throws: Never.self) {
                try request.generation(prompt: 0, candidate: candidate, stopTokens: [])
            }
        }
    }
}
