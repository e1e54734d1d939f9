import EPASArray
import EPASCheckpoint
import EPASConfig
import EPASModel
import Foundation

extension FuzzTarget {
    private static let tensors = InputFile("input")
    private static let configFile = InputFile(HuggingFaceConfig.fileName)

    /// A whole safetensors file: length, header and data.
    func readSafetensors(_ bytes: UnsafeRawBufferPointer) {
        Self.tensors.fill(bytes)
        guard let file = try? SafetensorsFile(Self.tensors.url) else { return }
        var byteCount = 0
        for name in file.names {
            guard let array = try? file.array(name) else { continue }
            byteCount += array.shape.byteCount
            guard array.doubles().count == array.shape.elementCount else {
                fatalError("\(name) does not have its elements")
            }
            file.releasePages(of: name)
        }
        guard byteCount <= bytes.count else { fatalError("more tensors than bytes") }
    }

    /// The configuration of a Hugging Face folder, and everything that follows from it alone.
    func readConfig(_ bytes: UnsafeRawBufferPointer) {
        Self.configFile.fill(bytes)
        guard let config = try? HuggingFaceConfig(in: Self.configFile.folder) else { return }
        let model = config.model
        guard model.flops(sequence: model.maximumSequence).training > 0 else {
            fatalError("a model without operations: \(model)")
        }
        if model.layers <= 1024, model.parameterCount <= 0 { fatalError("no parameters: \(model)") }
        // In a folder, layers that have no tensors are refused before sharing is looked at.
        if let sharing = config.sharing, model.layers <= 1 << 14 {
            for count in [0, 1, sharing.layers, sharing.maximumLayers] {
                _ = try? sharing.plan(sharing: count, layers: model.layers)
            }
        }
        let text = Array(config.json.utf8)
        text.withUnsafeBytes { Self.configFile.fill($0) }
        guard let again = try? HuggingFaceConfig(in: Self.configFile.folder), again == config else {
            fatalError("written and read again, the configuration differs: \(config)")
        }
    }
}
