import EPASCheckpoint
package import EPASConfig
import EPASModel
import Foundation

extension RunSetup {
    /// Resolves a run file; `model.from` is read for its shape.
    ///
    /// - Throws: ``ConfigError``, and ``CheckpointError`` for an unusable `model.from`.
    package static func open(_ config: RunConfig, vocabulary: Int) throws -> RunSetup {
        guard case .folder(let path) = config.model.base else {
            return try RunSetup(config, vocabulary: vocabulary)
        }
        let folder = try ModelFolder(URL(filePath: path))
        return try RunSetup(config, vocabulary: vocabulary, folder: folder.config)
    }
}
