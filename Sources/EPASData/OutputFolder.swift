package import Foundation
import Synchronization

/// A folder that appears whole or not at all.
///
/// It is written beside its place under a temporary name and renamed when complete. `abandon` may
/// be called at any time from another thread, such as on an interrupt; nothing is written after.
package final class OutputFolder: Sendable {
    private enum State {
        case open, committed, abandoned
    }

    /// Where the folder will be.
    package let url: URL
    let temporary: URL
    private let replaces: Bool
    /// Holds the lock of the temporary folder; see ``StaleFolders``.
    private let lock = Mutex<Int32?>(nil)
    private let state = Mutex(State.open)

    /// Removes what preparations of the same place that were killed have left.
    ///
    /// - Parameters:
    ///   - replacing: Whether a data set that is already there is replaced.
    ///   - opened: Called before the temporary folder appears, so that it can be abandoned from
    ///     its first moment on.
    /// - Throws: ``DataError`` when the place is taken or cannot be written to.
    package init(
        at url: URL, replacing: Bool, opened: (OutputFolder) -> Void = { _ in }
    ) throws {
        self.url = url.standardizedFileURL
        replaces = replacing
        let parent = self.url.deletingLastPathComponent()
        temporary = StaleFolders.temporary(for: self.url)
        StaleFolders.clear(beside: self.url)
        try Self.check(self.url, replacing: replacing)
        opened(self)
        try whileOpen { _ in
            do {
                try FileManager.default.createDirectory(
                    at: temporary, withIntermediateDirectories: true)
            } catch {
                throw DataError(
                    "The folder \(parent.path) cannot be written to",
                    remedy: "Choose another --output, or make it writable.")
            }
            lock.withLock { $0 = StaleFolders.lock(temporary) }
        }
    }

    deinit {
        abandon()
        if let lock = lock.withLock({ $0 }) { close(lock) }
    }

    /// Refuses a place that is taken by something that is not ours to replace.
    package static func check(_ url: URL, replacing: Bool) throws {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory) else {
            return
        }
        let contents = try? FileManager.default.contentsOfDirectory(atPath: url.path)
        if isDirectory.boolValue, contents?.isEmpty == true { return }
        guard contents?.contains(Manifest.fileName) == true else {
            throw DataError(
                "\(url.path) exists and is not a prepared data set",
                remedy: "Choose another --output, or remove it.")
        }
        guard replacing else {
            throw DataError(
                "\(url.path) already holds a data set",
                remedy: "Choose another --output, or replace it with --force.")
        }
    }

    /// Writes a file, durably. The name may lead into a folder below.
    func write(_ contents: [UInt8], to name: String) throws {
        try whileOpen { _ in
            let file = temporary.appending(path: name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            let descriptor = open(file.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { throw failure(errno) }
            defer { close(descriptor) }
            try contents.withUnsafeBytes { bytes in
                var written = 0
                while written < bytes.count {
                    let n = Foundation.write(
                        descriptor, bytes.baseAddress! + written, bytes.count - written)
                    if n < 0, errno == EINTR { continue }
                    guard n > 0 else { throw failure(errno) }
                    written += n
                }
            }
            guard fsync(descriptor) == 0 else { throw failure(errno) }
        }
    }

    /// Puts the folder in its place.
    func commit() throws {
        try whileOpen { state in
            try Self.check(url, replacing: replaces)
            Self.synchronize(temporary)
            let old = StaleFolders.old(of: temporary)
            let isTaken = FileManager.default.fileExists(atPath: url.path)
            if isTaken, rename(url.path, old.path) != 0 { throw failure(errno) }
            guard rename(temporary.path, url.path) == 0 else {
                let code = errno
                if isTaken { rename(old.path, url.path) }
                throw failure(code)
            }
            Self.synchronize(url.deletingLastPathComponent())
            // From here on there is nothing to abandon.
            state = .committed
            if isTaken { try? FileManager.default.removeItem(at: old) }
        }
    }

    /// Removes what was written, unless it is already in its place.
    ///
    /// - Returns: Whether the folder does not appear in its place.
    @discardableResult
    package func abandon() -> Bool {
        state.withLock { state in
            guard case .open = state else { return state == .abandoned }
            state = .abandoned
            try? FileManager.default.removeItem(at: temporary)
            return true
        }
    }

    private func whileOpen(_ body: (inout State) throws -> Void) throws {
        try state.withLock { state in
            guard case .open = state else {
                throw DataError("Preparing \(url.path) was interrupted", remedy: "Start it again.")
            }
            try body(&state)
        }
    }

    private func failure(_ code: Int32) -> DataError {
        DataError(
            "\(url.path) cannot be written: \(String(cString: strerror(code)))",
            remedy: "Free some space, or choose another --output.")
    }

    private static func synchronize(_ folder: URL) {
        let descriptor = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
