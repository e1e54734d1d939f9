package import BasicContainers
package import EPASArray
import EPASGraph
package import EPASModel
package import EPASRuntime
import Synchronization

/// Continues token sequences by running the whole context through the model for every new token.
package final class TextGenerator {
    package let model: ModelConfig
    package let plan: SharingPlan

    private let client: Client
    private let computeType: ElementType
    private let matrices: ElementType
    private let cache: ExecutableCache?
    private let parameters: UniqueArray<DeviceBuffer>
    /// Programs by the length they are compiled for.
    private var programs: [Int: Executable] = [:]

    /// - Parameters:
    ///   - parameters: In the order of ``ModelConfig/parameters``.
    ///   - matrices: The type of the matrices among them; the others are float32.
    package init(
        _ model: ModelConfig, plan: SharingPlan, parameters: consuming UniqueArray<DeviceBuffer>,
        client: Client, computeType: ElementType = .float32, matrices: ElementType = .float32,
        cache: ExecutableCache? = nil
    ) {
        self.model = model
        self.plan = plan
        self.parameters = parameters
        self.client = client
        self.computeType = computeType
        self.matrices = matrices
        self.cache = cache
    }

    /// Continues a prompt.
    ///
    /// - Parameters:
    ///   - prompt: At least one token, each below the vocabulary's size.
    ///   - limit: The most tokens to add.
    ///   - stops: Tokens that end the text; the one that did is not part of the result.
    ///   - receive: Called with each new token; returning `false` ends the text.
    /// - Returns: The new tokens.
    /// - Throws: ``PJRTError``.
    package func continuation(
        of prompt: [Int32], limit: Int, sampler: Sampler, stops: Set<Int32> = [],
        receive: (Int32) -> Bool = { _ in true }
    ) throws -> [Int32] {
        precondition(!prompt.isEmpty, "an empty prompt")
        var tokens = prompt
        while tokens.count - prompt.count < limit {
            let logits = try logits(after: tokens)
            let next = sampler.token(logits: logits, position: tokens.count)
            if stops.contains(next) { break }
            tokens.append(next)
            if !receive(next) { break }
        }
        return Array(tokens[prompt.count...])
    }

    /// Returns the logits of the token that follows `tokens`, [V].
    package func logits(after tokens: [Int32]) throws -> [Float] {
        let length = Self.paddedLength(tokens.count)
        let padded = tokens + [Int32](repeating: 0, count: length - tokens.count)
        let program = try program(length: length)
        let results = try program.execute(
            borrowing: parameters,
            inputs: [HostArray(padded, [1, length]), HostArray(Int32(tokens.count - 1))])
        return try results[0].hostArray().elements(as: Float.self)
    }

    /// Lengths grow by doubling, so that a text of n tokens needs at most log₂ n programs; what
    /// stands behind the last token cannot influence it.
    private static func paddedLength(_ count: Int) -> Int {
        var length = 64
        while length < count { length *= 2 }
        return length
    }

    private func program(length: Int) throws -> Executable {
        if let program = programs[length] { return program }
        let graph = Graph()
        let llama = Llama(model, computeType: computeType, matrices: matrices, graph: graph)
        let tokens = graph.parameter("tokens", Shape(.int32, [1, length]))
        let last = graph.parameter("last", .scalar(.int32))
        let zero = graph.constant(0, .scalar(.int32))
        let hidden = llama.hiddenStates(tokens, plan: plan).dynamicSlice(
            at: [zero, last, zero], sizes: [1, 1, model.width])
        let logits = llama.logits(ofHidden: hidden).reshaped([model.vocabulary])
        let text = graph.program(named: "next", returning: [logits])
        let program = try client.compile(text, cache: cache)
        programs[length] = program
        return program
    }
}
