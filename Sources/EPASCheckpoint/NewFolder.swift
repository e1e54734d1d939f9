import Foundation
import Glibc

/// A folder that appears with all of its files or not at all.
struct NewFolder {
    private let place: URL
    private let draft: URL

    /// - Throws: ``CheckpointError`` if the place is taken by anything but an empty folder.
    init(_ place: URL) throws(CheckpointError) {
        self.place = place.standardizedFileURL
        draft = self.place.deletingLastPathComponent()
            .appendingPathComponent(".\(self.place.lastPathComponent).writing")
        var isFolder = false
        if let contents = try? FileManager.default.contentsOfDirectory(atPath: self.place.path) {
            guard contents.isEmpty else {
                throw CheckpointError(
                    place.path, "the folder is not empty", remedy: "Name a new folder.")
            }
            isFolder = true
        }
        guard isFolder || !FileManager.default.fileExists(atPath: self.place.path) else {
            throw CheckpointError(
                place.path, "it exists and is not a folder", remedy: "Name a new folder.")
        }
    }

    /// Lets `body` fill a temporary folder, which then takes its place; on an error nothing stays.
    func filled<Result>(by body: (URL) throws -> Result) throws -> Result {
        removeTree(draft)
        do {
            try FileManager.default.createDirectory(
                at: draft.deletingLastPathComponent(), withIntermediateDirectories: true)
        } catch {
            throw CheckpointError(
                draft.deletingLastPathComponent().path, "the folder cannot be made",
                remedy: "Check the path and its permissions.")
        }
        guard mkdir(draft.path, 0o755) == 0 else {
            throw CheckpointError.system("cannot be created", draft.path, errno)
        }
        do {
            let result = try body(draft)
            try synchronize(draft)
            try rename(draft, to: place)
            return result
        } catch {
            removeTree(draft)
            throw error
        }
    }
}
