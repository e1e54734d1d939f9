package import Foundation
import Glibc

/// A file that grows at its end, line by line.
package final class AppendedFile {
    private let path: String
    private let descriptor: Int32

    /// Opens a file, which is created if needed.
    ///
    /// - Throws: ``CheckpointError`` naming the file.
    package init(_ url: URL) throws(CheckpointError) {
        path = url.path
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .system("cannot be opened", path, errno) }
    }

    deinit { close(descriptor) }

    package func append(_ data: Data) throws(CheckpointError) {
        try data.withBytes { bytes throws(CheckpointError) in
            var rest = bytes[...]
            while !rest.isEmpty {
                let chunk = UnsafeRawBufferPointer(rebasing: rest)
                let written = Glibc.write(descriptor, chunk.baseAddress, chunk.count)
                if written < 0 {
                    if errno == EINTR { continue }
                    throw .system("cannot be written", path, errno)
                }
                rest = rest.dropFirst(written)
            }
        }
    }

    /// Waits until the disk has everything appended so far.
    package func synchronize() throws(CheckpointError) {
        guard fsync(descriptor) == 0 else { throw .system("cannot be written", path, errno) }
    }
}

/// Writes a file that replaces one of its name whole or not at all, whatever happens meanwhile.
///
/// - Throws: ``CheckpointError`` naming the file.
package func replaceFile(_ url: URL, with data: Data) throws(CheckpointError) {
    let temporary = url.deletingLastPathComponent()
        .appendingPathComponent(".\(url.lastPathComponent).writing")
    do throws(CheckpointError) {
        let file = try FileWriter(temporary)
        try file.write(data)
        try file.finish()
        try rename(temporary, to: url)
    } catch {
        removeTree(temporary)
        throw error
    }
}
