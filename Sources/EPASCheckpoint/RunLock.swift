package import Foundation
import Glibc

/// The exclusive right to train in a run folder, held as long as the object lives.
///
/// The lock is the system's (`flock`), so that it ends with the process however that ends.
package final class RunLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock of a run folder, which is created if needed.
    ///
    /// - Throws: ``CheckpointError`` if another process holds it.
    package init(_ folder: URL) throws(CheckpointError) {
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw CheckpointError(
                folder.path, "the run folder cannot be created",
                remedy: "Check that no file is in its place, the permissions of the folder above"
                    + " it, and the disk.")
        }
        let path = folder.appendingPathComponent("lock").path
        // Not the property yet: what throws once that is set is closed by `deinit`, too, and a second
        // close may hit a file that another thread has just opened.
        let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard opened >= 0 else { throw .system("cannot be opened", path, errno) }
        while flock(opened, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            if code == EINTR { continue }
            close(opened)
            guard code == EWOULDBLOCK else { throw .system("cannot be locked", path, code) }
            throw CheckpointError(
                folder.path, "another process is training in this run folder",
                remedy: "Wait until it ends, or choose another folder with --output.")
        }
        descriptor = opened
    }

    deinit {
        close(descriptor)
    }
}
