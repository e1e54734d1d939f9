// Model shapes by name. 125m, 1.1b, 3b and 7b give the FLOPs of the paper's Table 1; the small
// ones are for demonstrations and tests.

extension ModelConfig {
    /// The names that ``init(preset:layers:)`` knows, smallest model first.
    package static let presetNames = ["tiny", "10m", "20m", "125m", "1.1b", "3b", "7b"]

    /// Creates the shape of that name, or `nil` if there is none.
    ///
    /// - Parameter layers: 1 to ``largestDimension``, instead of the shape's own.
    package init?(preset name: String, layers: Int? = nil) {
        // 1.1b has TinyLlama's shape, 7b LLaMA's.
        let shape:
            (layers: Int, width: Int, heads: Int, keyValueHeads: Int, ffn: Int, vocabulary: Int)
        switch name {
        case "tiny": shape = (4, 64, 4, 2, 160, 256)
        case "10m": shape = (8, 256, 8, 4, 704, 8192)
        case "20m": shape = (8, 384, 6, 6, 1024, 8192)
        case "125m": shape = (12, 768, 12, 12, 2048, 32_000)
        case "1.1b": shape = (22, 2048, 32, 4, 5632, 32_000)
        case "3b": shape = (26, 3072, 24, 24, 8192, 32_000)
        case "7b": shape = (32, 4096, 32, 32, 11_008, 32_000)
        default: return nil
        }
        do throws(ModelConfigError) {
            self = try ModelConfig(
                layers: layers ?? shape.layers, width: shape.width, heads: shape.heads,
                keyValueHeads: shape.keyValueHeads, feedForward: shape.ffn,
                vocabulary: shape.vocabulary)
        } catch {
            fatalError("preset \(name): \(error)")
        }
    }
}
