package import BasicContainers
package import EPASArray
package import EPASModel
package import EPASRuntime

/// What a model's layers have in common before any of them shares.
package struct Probe: Sendable {
    private let model: ModelConfig
    private let client: Client
    private let cache: ExecutableCache?
    private let computeType: ElementType

    package init(
        _ model: ModelConfig, client: Client, cache: ExecutableCache?, computeType: ElementType
    ) {
        self.model = model
        self.client = client
        self.cache = cache
        self.computeType = computeType
    }

    /// Compares all layers with each other on some batches.
    ///
    /// - Parameter batches: int32 [B, T+1] each, of one shape; the last column is not used.
    package func similarity(
        _ parameters: borrowing UniqueArray<DeviceBuffer>, batches: [HostArray]
    ) throws -> [SimilarityProgram.Quantity: LayerSimilarity] {
        guard let shape = batches.first?.shape else { return [:] }
        let (batch, sequence) = (shape.dimensions[0], shape.dimensions[1] - 1)
        let quantities = SimilarityProgram.Quantity.allCases
        // One sequence at a time: the program holds every layer's probabilities.
        let program = try client.compile(
            SimilarityProgram(model: model, computeType: computeType)
                .products(batch: 1, sequence: sequence), cache: cache)
        var sums = [[Double]](
            repeating: [Double](repeating: 0, count: model.layers * model.layers),
            count: quantities.count)
        for tokens in batches {
            let elements = tokens.elements(as: Int32.self)
            for row in 0..<batch {
                let start = row * (sequence + 1)
                let input = HostArray(
                    Array(elements[start..<start + sequence]), [1, sequence])
                let results = try program.execute(borrowing: parameters, inputs: [input])
                for index in quantities.indices {
                    let products = try results[index].hostArray().doubles()
                    for i in products.indices { sums[index][i] += products[i] }
                }
            }
        }
        return Dictionary(
            uniqueKeysWithValues: zip(quantities, sums).map {
                ($0, LayerSimilarity(layers: model.layers, products: $1))
            })
    }

    /// The loss of every single-region length without training for it, shortest first.
    ///
    /// - Parameter report: Called before each length with its number of sharing layers.
    package func losses(
        _ parameters: borrowing UniqueArray<DeviceBuffer>, kind: SharingKind,
        batches: [HostArray], report: (Int) -> Void = { _ in }
    ) throws -> [Double] {
        guard let shape = batches.first?.shape else { return [] }
        var losses: [Double] = []
        for count in 0..<model.layers {
            report(count)
            let plan = try SharingPlan(kind, last: count, layers: model.layers)
            let evaluator = try Evaluator(
                LossProgram(
                    model: model, plan: plan, computeType: computeType,
                    kernels: client.kernels),
                batch: shape.dimensions[0], sequence: shape.dimensions[1] - 1
            ) { try client.compile($0, cache: cache) }
            guard let result = try evaluator(parameters, batches: batches) else {
                fatalError("an evaluation that nothing stops has stopped")
            }
            losses.append(result.loss)
        }
        return losses
    }

    /// The longest region, at most half of the layers, whose untrained loss is within `tolerance`
    /// nats of the loss without sharing. Training with a growing region then has little to mend.
    package static func suggestedRegion(losses: [Double], tolerance: Double) -> Int {
        guard let base = losses.first else { return 0 }
        return losses.indices.prefix(losses.count / 2 + 1)
            .last { losses[$0] <= base + tolerance } ?? 0
    }
}
