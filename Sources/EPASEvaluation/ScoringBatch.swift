import EPASArray

/// Requests of one batch: their inputs as rows of equal length, padded on the right.
struct ScoringBatch {
    /// A target: where its prediction is made, and whose it is.
    private struct Target {
        let place: Int
        let token: Int32
        let request: Int
    }

    /// The sizes that a program is compiled for.
    struct Sizes: Hashable {
        let sequence: Int
        let batch: Int
        let targets: Int
    }

    let sizes: Sizes
    /// Inputs that the batch holds, without those that only fill it up.
    let rows: Int
    /// Int32 [batch, sequence], [targets] and [targets]; see ``ScoringProgram``.
    let inputs: [HostArray]
    /// The request that each target belongs to, in order.
    let requestOfTarget: [Int]

    /// Tokens in a batch, attention probabilities of a layer, and rows: bounds on memory.
    private static let tokenLimit = 4096
    private static let probabilityLimit = 1 << 27
    private static let rowLimit = 64
    private static let shortest = 32
    private static let fewestTargets = 64

    /// Arranges requests into batches, all those of one length in equal sizes, so that few programs
    /// are compiled. Requests with equal inputs share a row.
    ///
    /// - Parameters:
    ///   - maximumLength: Most tokens of an input.
    ///   - heads: Attention heads of a layer.
    static func batches(
        of requests: [ScoringRequest], maximumLength: Int, heads: Int
    ) -> [ScoringBatch] {
        var users: [[Int32]: [Int]] = [:]
        var inputs: [[Int32]] = []
        for (index, request) in requests.enumerated() {
            if users[request.input] == nil { inputs.append(request.input) }
            users[request.input, default: []].append(index)
        }
        let groups = Dictionary(grouping: inputs) {
            min(maximumLength, powerOfTwo(atLeast: max(shortest, $0.count)))
        }
        return groups.sorted { $0.key < $1.key }.flatMap { sequence, inputs -> [ScoringBatch] in
            let most = max(
                1,
                min(
                    rowLimit, tokenLimit / sequence,
                    probabilityLimit / heads / sequence / sequence))
            let batch = min(most, powerOfTwo(atLeast: inputs.count))
            let parts = stride(from: 0, to: inputs.count, by: batch).map {
                Array(inputs[$0..<min(inputs.count, $0 + batch)])
            }
            let counts = parts.map { part in
                part.reduce(0) { sum, input in
                    sum + (users[input] ?? []).reduce(0) { $0 + requests[$1].targets.count }
                }
            }
            let sizes = Sizes(
                sequence: sequence, batch: batch,
                targets: powerOfTwo(atLeast: max(fewestTargets, counts.max() ?? 0)))
            return parts.map { part in
                ScoringBatch(part, sizes: sizes, users: users, requests: requests)
            }
        }
    }

    private init(
        _ rows: [[Int32]], sizes: Sizes, users: [[Int32]: [Int]], requests: [ScoringRequest]
    ) {
        var tokens = [Int32](repeating: 0, count: sizes.batch * sizes.sequence)
        var targets: [Target] = []
        for (row, input) in rows.enumerated() {
            let start = row * sizes.sequence
            tokens.replaceSubrange(start..<start + input.count, with: input)
            for request in users[input] ?? [] {
                let wanted = requests[request].targets
                let first = start + input.count - wanted.count
                for (offset, token) in wanted.enumerated() {
                    targets.append(Target(place: first + offset, token: token, request: request))
                }
            }
        }
        let filler = [Int32](repeating: 0, count: sizes.targets - targets.count)
        self.sizes = sizes
        self.rows = rows.count
        requestOfTarget = targets.map(\.request)
        inputs = [
            HostArray(tokens, [sizes.batch, sizes.sequence]),
            HostArray(targets.map { Int32($0.place) } + filler, [sizes.targets]),
            HostArray(targets.map(\.token) + filler, [sizes.targets]),
        ]
    }

    private static func powerOfTwo(atLeast count: Int) -> Int {
        count <= 1 ? 1 : 1 << (Int.bitWidth - (count - 1).leadingZeroBitCount)
    }
}
