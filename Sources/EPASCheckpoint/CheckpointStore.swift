// A run's checkpoints: saved whole or not at all, kept a few at a time, found again newest first.
//
// A save writes every file into a hidden folder beside the checkpoints, waits for the disk, writes
// the manifest, reads everything again and renames the folder. Whatever moment the process or the
// machine stops at, a folder named step-… with a good manifest is a whole checkpoint. Nothing is
// deleted before the newer checkpoint was verified and renamed.

package import Foundation

/// The folder `checkpoints` of a run. One process at a time may save; see ``RunLock``.
package struct CheckpointStore: Sendable {
    /// Points of a save after which a test can stop it.
    package enum Stage: Hashable, Sendable {
        case folderCreated
        case fileWritten(String)
        case manifestWritten
        case verified
        /// A checkpoint of the same step was moved aside.
        case movedAside
        case renamed
        /// The new checkpoint is durable; older ones may go.
        case completed
        case deleting(step: Int)
    }

    /// The folder that holds the checkpoints' folders.
    package let url: URL

    /// - Parameter url: The folder `checkpoints`; created by the first save.
    package init(_ url: URL) {
        self.url = url
    }

    /// The folder name of a step's checkpoint, such as `step-00000400`.
    package static func name(ofStep step: Int) -> String {
        let digits = String(step)
        return "step-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    }

    /// The step of a folder name, if it is a checkpoint's.
    static func step(of name: String) -> Int? {
        guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)), step >= 0,
            Self.name(ofStep: step) == name
        else { return nil }
        return step
    }

    /// The steps of all checkpoint folders, whole or not, ascending.
    package var steps: [Int] {
        contents.compactMap(Self.step(of:)).sorted()
    }

    private var contents: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
    }

    package func folder(ofStep step: Int) -> URL {
        url.appendingPathComponent(Self.name(ofStep: step))
    }

    /// Finds the newest checkpoint, by step, that is as it was saved.
    ///
    /// - Returns: The checkpoint, `nil` if there is none; and why newer ones were refused.
    package func latestGood() -> (checkpoint: CheckpointFolder?, refused: [CheckpointError]) {
        var refused: [CheckpointError] = []
        for step in steps.reversed() {
            do throws(CheckpointError) {
                return (try CheckpointFolder(verifying: folder(ofStep: step)), refused)
            } catch {
                refused.append(error)
            }
        }
        return (nil, refused)
    }

    private static let saving = ".saving-"
    private static let replaced = ".replaced-"
    private static let deleting = ".deleting-"

    /// Removes what a process that was stopped while saving or deleting left behind.
    ///
    /// Call it with the run's lock held, before looking for a checkpoint.
    package func removeLeftovers() throws {
        for name in contents.sorted() {
            let leftover = url.appendingPathComponent(name)
            if name.hasPrefix(Self.saving) || name.hasPrefix(Self.deleting) {
                removeTree(leftover)
            } else if name.hasPrefix(Self.replaced) {
                // Stopped between moving the old checkpoint aside and renaming the new one.
                let original = url.appendingPathComponent(
                    String(name.dropFirst(Self.replaced.count)))
                if FileManager.default.fileExists(atPath: original.path) {
                    removeTree(leftover)
                } else {
                    try rename(leftover, to: original)
                }
            }
        }
    }

    /// Saves a checkpoint, then deletes the oldest beyond `keep`.
    ///
    /// A checkpoint of the same step is replaced. Those of later steps, left by a run that was
    /// continued from an earlier one, are not counted and stay.
    ///
    /// - Parameters:
    ///   - keep: Checkpoints that remain, at least 1.
    ///   - stage: Called after each stage; an error it throws stops the save there.
    ///   - body: Writes the files.
    /// - Returns: The checkpoint's folder.
    @discardableResult
    package func save(
        step: Int, keep: Int, stage: (Stage) throws -> Void = { _ in },
        _ body: (CheckpointDraft) throws -> Void
    ) throws -> URL {
        guard step >= 0, keep >= 1 else { fatalError("step \(step), keep \(keep)") }
        let name = Self.name(ofStep: step)
        let temporary = url.appendingPathComponent(Self.saving + name)
        let destination = url.appendingPathComponent(name)
        try makeFolder(url)
        try removeLeftovers()
        do {
            try makeFolder(temporary)
            try stage(.folderCreated)
            try withoutActuallyEscaping(stage) { stage in
                let draft = CheckpointDraft(temporary, step: step) { try stage(.fileWritten($0)) }
                try body(draft)
                try draft.complete(at: stage)
            }
        } catch let error as CheckpointError {
            // A full disk should not stay full of a half-written checkpoint.
            removeTree(temporary)
            throw error
        }
        let aside = url.appendingPathComponent(Self.replaced + name)
        if FileManager.default.fileExists(atPath: destination.path) {
            try rename(destination, to: aside)
            try stage(.movedAside)
        }
        try rename(temporary, to: destination)
        try stage(.renamed)
        removeTree(aside)
        try stage(.completed)
        try prune(upTo: step, keep: keep, stage: stage)
        return destination
    }

    private func prune(upTo step: Int, keep: Int, stage: (Stage) throws -> Void) throws {
        for old in steps.filter({ $0 <= step }).dropLast(keep) {
            // Renamed first: a half-deleted checkpoint must not look like one.
            let condemned = url.appendingPathComponent(Self.deleting + Self.name(ofStep: old))
            try rename(folder(ofStep: old), to: condemned)
            try stage(.deleting(step: old))
            removeTree(condemned)
        }
    }

    private func makeFolder(_ folder: URL) throws(CheckpointError) {
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw CheckpointError(
                folder.path, "the folder cannot be created: \(cause(of: error))",
                remedy: "Check the permissions of the folder above it, and the disk.")
        }
    }
}
