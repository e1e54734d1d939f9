package import EPASArray
import EPASJSON
import EPASModel
package import Foundation

/// A model folder as transformers loads it: written anew from another folder.
///
/// Without our code the model computes every layer; with it (`trust_remote_code`), it runs at the
/// region length that the folder says.
package struct ModelExport: Sendable {
    let source: ModelFolder
    /// What the new folder says of sharing.
    package let sharing: PublishedSharing?
    /// The type of every tensor; `nil` keeps each tensor's own, bit by bit.
    package let elementType: ElementType?
    /// The most bytes of tensors in one file, unless one tensor alone has more.
    package let shardByteCount: Int

    /// What was written.
    package struct Summary: Hashable, Sendable {
        package let files: [String]
        package let parameterCount: Int
        /// Of the tensors.
        package let byteCount: Int
    }

    package init(
        _ source: ModelFolder, sharing: PublishedSharing?, elementType: ElementType? = nil,
        shardByteCount: Int = 5_000_000_000
    ) {
        self.source = source
        self.sharing = sharing
        self.elementType = elementType
        self.shardByteCount = shardByteCount
    }

    /// Writes the folder under a temporary name beside its place and then renames it.
    ///
    /// - Throws: ``CheckpointError`` if the folder exists and is not empty, or cannot be written.
    package func write(to folder: URL) throws -> Summary {
        let output = try NewFolder(folder)
        let summary = try output.filled { draft in
            let weights = try writeWeights(to: draft)
            var config = source.description
            config.sharing = sharing
            config.hasModelingCode = sharing != nil
            config.elementType = try commonType() ?? config.elementType
            try write(Data(config.json.utf8), HuggingFaceConfig.fileName, draft)
            try writeGenerationConfig(to: draft)
            if sharing != nil { try write(ModelingCode.contents, ModelingCode.fileName, draft) }
            try copyTokenizer(to: draft)
            return weights
        }
        return summary
    }

    private func shape(_ name: String) throws -> Shape {
        let shape = try source.stored(name).shape
        return elementType.map(shape.with) ?? shape
    }

    /// The type that every tensor has, or `nil` if they differ.
    private func commonType() throws -> ElementType? {
        let types = try Set(source.config.parameters.map { try shape($0.name).elementType })
        return types.count == 1 ? types.first : nil
    }

    private func writeWeights(to draft: URL) throws -> Summary {
        let names = source.config.parameters.map(\.name)
        let shapes = Dictionary(uniqueKeysWithValues: try names.map { ($0, try shape($0)) })
        let shards = Self.shards(names, limit: shardByteCount) { shapes[$0]!.byteCount }
        var files: [String] = []
        for (index, names) in shards.enumerated() {
            files.append(Self.fileName(index, of: shards.count))
            let own = shapes.filter { names.contains($0.key) }
            let file = try FileWriter(draft.appendingPathComponent(files[index]))
            var previous: String?
            try SafetensorsWriter.write(own, to: file, metadata: ["format": "pt"]) { name in
                if let previous { source.releasePages(of: previous) }
                previous = name
                return try source.stored(name).converted(to: own[name]!.elementType)
            }
            try file.finish()
        }
        let summary = Summary(
            files: files, parameterCount: source.config.parameterCount,
            byteCount: shapes.values.reduce(0) { $0 + $1.byteCount })
        if shards.count > 1 {
            try write(
                Data(Self.index(shards, summary).utf8), "model.safetensors.index.json", draft)
        }
        return summary
    }

    /// Fills files in order; a new one begins where the next tensor would exceed the limit.
    static func shards(
        _ names: [String], limit: Int, byteCount: (String) -> Int
    ) -> [Set<String>] {
        var shards: [Set<String>] = [[]]
        var used = 0
        for name in names {
            let size = byteCount(name)
            if used > 0, size > limit - used {
                shards.append([])
                used = 0
            }
            shards[shards.count - 1].insert(name)
            used += size
        }
        return shards
    }

    private static func fileName(_ index: Int, of count: Int) -> String {
        func padded(_ number: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
        }
        return count == 1
            ? "model.safetensors" : "model-\(padded(index + 1))-of-\(padded(count)).safetensors"
    }

    /// Which file has which tensor, as transformers 5 writes it.
    private static func index(_ shards: [Set<String>], _ summary: Summary) -> String {
        let places = shards.enumerated().flatMap { index, names in
            names.map { ($0, JSONValue.string(summary.files[index])) }
        }
        return JSONValue.object([
            (
                "metadata",
                .object([
                    ("total_parameters", .integer(summary.parameterCount)),
                    ("total_size", .integer(summary.byteCount)),
                ])
            ), ("weight_map", .object(places.sorted { $0.0 < $1.0 })),
        ]).indentedText
    }

    func write(_ data: Data, _ name: String, _ draft: URL) throws {
        let file = try FileWriter(draft.appendingPathComponent(name))
        try file.write(data)
        try file.finish()
    }

    /// The file of a name in the source folder, if there is one.
    func given(_ name: String) throws(CheckpointError) -> MappedFile? {
        let url = source.url.appendingPathComponent(name)
        guard FileManager.default.fileExists(atPath: url.path) else { return nil }
        return try MappedFile(url)
    }

    /// The source's own sampling settings, or the special tokens alone.
    private func writeGenerationConfig(to draft: URL) throws {
        let name = GenerationConfig.fileName
        if let own = try given(name) {
            return try write(Data(own.bytes), name, draft)
        }
        let description = source.description
        let tokens: [(String, JSONValue)] = [
            ("bos_token_id", HuggingFaceConfig.tokens([description.beginningOfSequence])),
            ("eos_token_id", HuggingFaceConfig.tokens(description.endOfSequence)),
            ("pad_token_id", HuggingFaceConfig.tokens([description.padding])),
        ]
        let entries = [("_from_model_config", .boolean(true))] + tokens.filter { !$0.1.isNull }
        try write(Data(JSONValue.object(entries).indentedText.utf8), name, draft)
    }
}
