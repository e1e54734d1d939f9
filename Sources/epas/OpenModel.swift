import EPASCheckpoint
import EPASTraining
import Foundation

/// Opens a checkpoint folder, or the last good checkpoint of a run folder.
///
/// - Throws: ``CheckpointError`` if there is none.
func openModel(_ path: String) throws -> ModelFolder {
    let url = URL(filePath: path)
    let checkpoints = RunFolder.checkpoints(of: url)
    guard !checkpoints.steps.isEmpty else { return try ModelFolder(url) }
    let found = checkpoints.latestGood()
    for refused in found.refused { printError("Not used: \(refused)") }
    guard let checkpoint = found.checkpoint else {
        throw CheckpointError(
            path, "none of the run's checkpoints can be used",
            remedy: "Restore one from a copy, or name a checkpoint folder.")
    }
    return try ModelFolder(checkpoint.url)
}
