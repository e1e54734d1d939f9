import Foundation

/// What preparations that were killed have left beside the place of a data set.
///
/// A preparation works in `.NAME.partial-PROCESS-NUMBER` and holds that folder's lock (`flock`),
/// which ends with the process however that ends.
enum StaleFolders {
    /// The temporary folder of this process for a place.
    static func temporary(for place: URL) -> URL {
        place.deletingLastPathComponent().appending(
            path: prefix(of: place) + "\(getpid())-\(UInt32.random(in: 0...(.max)))")
    }

    /// Where the data set that is being replaced lies between two renames.
    static func old(of temporary: URL) -> URL { temporary.appendingPathExtension("old") }

    private static func prefix(of place: URL) -> String { ".\(place.lastPathComponent).partial-" }

    /// Takes the lock of a folder, or returns `nil` if another holds it. Closing gives it back.
    static func lock(_ folder: URL) -> Int32? {
        let descriptor = open(folder.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
        close(descriptor)
        return nil
    }

    /// Removes what belongs to nobody any more. A data set that was about to be replaced and is
    /// nowhere else is put back into its place.
    static func clear(beside place: URL) {
        let parent = place.deletingLastPathComponent()
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parent.path)) ?? []
        for name in names.sorted() {
            guard let process = process(name, of: place), isGone(process) else { continue }
            let folder = parent.appending(path: name)
            guard let descriptor = lock(folder) else { continue }
            defer { close(descriptor) }
            if name.hasSuffix(".old"), rename(folder.path, place.path) == 0 { continue }
            try? FileManager.default.removeItem(at: folder)
        }
    }

    /// The process that a name of ours tells.
    private static func process(_ name: String, of place: URL) -> pid_t? {
        let prefix = prefix(of: place)
        guard name.hasPrefix(prefix) else { return nil }
        let rest = name.dropFirst(prefix.count)
        let parts = (rest.hasSuffix(".old") ? rest.dropLast(4) : rest).split(
            separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, UInt32(parts[1]) != nil, let process = pid_t(parts[0]), process > 0
        else { return nil }
        return process
    }

    /// Whether no other process has that number. The lock alone would not do: for a moment after
    /// a folder is made, nobody holds it.
    private static func isGone(_ process: pid_t) -> Bool {
        process == getpid() || kill(process, 0) != 0 && errno == ESRCH
    }
}
