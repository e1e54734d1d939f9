import ArgumentParser
import EPASCheckpoint
import EPASTraining
import Foundation

/// The checkpoint that a command works on.
struct CheckpointArgument: ParsableArguments {
    @Argument(
        help: "A checkpoint folder, or a run folder for its last good checkpoint.",
        completion: .directory)
    var checkpoint: String

    func open() throws -> ModelFolder { try openModel(checkpoint) }
}

/// Opens a checkpoint folder, or the last good checkpoint of a run folder.
///
/// - Throws: ``CheckpointError`` if there is none.
func openModel(_ path: String) throws -> ModelFolder {
    let url = try existingFolder(path)
    let checkpoints = RunFolder.checkpoints(of: url)
    guard !checkpoints.steps.isEmpty else {
        try requireInput(
            isPresent(url.appending(path: "config.json")),
            "\(path) holds neither a model (config.json) nor a run's checkpoints. Name a checkpoint or run folder."
        )
        return try ModelFolder(url)
    }
    let found = checkpoints.latestGood()
    for refused in found.refused { printError("Not used: \(refused)") }
    guard let checkpoint = found.checkpoint else {
        throw CheckpointError(
            path, "none of the run's checkpoints can be used",
            remedy: "Restore one from a copy, or name a checkpoint folder.")
    }
    return try ModelFolder(checkpoint.url)
}

/// The folder at a path.
///
/// - Throws: ``InputError`` if there is none.
func existingFolder(_ path: String) throws -> URL {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    try requireInput(exists, "There is no folder \(path). Check the path.")
    try requireInput(isFolder.boolValue, "\(path) is a file. Name the folder that it is in.")
    return URL(filePath: path)
}

/// Refuses a path where no file can be made or replaced, before the work for it begins.
func checkOutputFile(_ path: String) throws {
    var facts = stat()
    if stat(path, &facts) == 0 {
        try requireInput(
            facts.st_mode & S_IFMT == S_IFREG, "--output \(path) is not a file. Name a file.")
    } else {
        try require(!path.isEmpty, "--output is empty. Name a file.")
        _ = try existingFolder(URL(filePath: path).deletingLastPathComponent().path)
    }
}
