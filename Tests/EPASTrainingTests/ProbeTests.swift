import BasicContainers
import EPASArray
import EPASRuntime
import EPASTesting
import EPASTraining
import Testing

@testable import EPASModel

@Suite("Probe")
struct ProbeTests {
    @Test("cosines and distances follow from inner products")
    func geometry() {
        // Layers with activations (3, 0), (0, 4) and (6, 0).
        let similarity = LayerSimilarity(
            layers: 3, products: [9, 0, 18, 0, 16, 0, 18, 0, 36])
        #expect(similarity.cosines == [[1, 0, 1], [0, 1, 0], [1, 0, 1]])
        #expect(similarity.distance(0, 1) == 5)
        #expect(similarity.distance(0, 2) == 3)
        #expect(
            similarity.dissimilarPairs.map { [$0.layer, $0.source] } == [[2, 1], [1, 0], [2, 0]])
        #expect(similarity.joined(with: similarity).distance(0, 1) == 50.0.squareRoot())
        #expect(LayerSimilarity(layers: 1, products: [0]).cosine(0, 0) == 0)
    }

    @Test(
        "the suggested region is the longest within the tolerance, at most half of the layers",
        arguments: [
            ([2.0, 2.1, 2.4, 2.2, 2.1, 2.0], 0.3, 3), ([2.0, 2.1, 2.4, 2.5, 2.0, 2.0], 0.3, 1),
            ([2.0, 3.1, 3.4], 0.3, 0), ([2.0], 5, 0), ([], 5, 0),
            ([2.0, .nan, 2.1, 9], 0.3, 2),
        ] as [([Double], Double, Int)])
    func suggestion(losses: [Double], tolerance: Double, region: Int) {
        #expect(Probe.suggestedRegion(losses: losses, tolerance: tolerance) == region)
    }

    @Test("layers with equal weights after a layer that adds nothing are alike")
    func equalLayers() throws {
        let model = try ModelConfig(
            layers: 3, width: 16, heads: 2, feedForward: 16, vocabulary: 29)
        let client = try TestClient.shared
        var parameters = UniqueArray<DeviceBuffer>()
        for parameter in model.parameters {
            // Layers 0 and 1 add nothing, so all see the embedding; layer 2 has layer 0's queries
            // and keys but its own values.
            let adds =
                parameter.name.hasSuffix("o_proj.weight")
                || parameter.name.hasSuffix("down_proj.weight")
            if adds {
                parameters.append(try client.makeBuffer(.zeros(parameter.shape(.float32))))
                continue
            }
            var source = parameter
            if parameter.name.hasPrefix("model.layers.2.self_attn"),
                !parameter.name.contains("v_proj")
            {
                source = ParameterSpecification(
                    name: parameter.name.replacing("layers.2", with: "layers.0"),
                    dimensions: parameter.dimensions, role: parameter.role)
            }
            parameters.append(try client.makeBuffer(model.initialValue(of: source, seed: 1)))
        }
        let tokens = HostArray((0..<22).map { Int32($0 * 5 % 29) }, [2, 11])
        let probe = Probe(model, client: client, cache: nil, computeType: .float32)
        let found = try probe.similarity(parameters, batches: [tokens])
        let scores = try #require(found[.scores])
        let keys = try #require(found[.keys])
        let values = try #require(found[.values])
        #expect(abs(scores.cosine(0, 2) - 1) < 1e-6)
        #expect(scores.cosine(0, 1) < 0.99999)
        #expect(abs(keys.cosine(0, 2) - 1) < 1e-6)
        #expect(abs(keys.cosine(0, 1)) < 0.9)
        #expect(abs(values.cosine(0, 2)) < 0.9)
        // Sharing between layers that are equal costs nothing.
        let losses = try probe.losses(parameters, kind: .queryKey, batches: [tokens])
        #expect(losses.count == 3)
        #expect(losses.allSatisfy { abs($0 - losses[0]) < 1e-6 })
    }
}
