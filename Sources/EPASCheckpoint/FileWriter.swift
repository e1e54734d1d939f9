import Crypto
import Foundation
import Glibc

/// A new file being written, hashed on the way.
final class FileWriter {
    private let path: String
    private var descriptor: Int32
    private var hasher = SHA256()
    private(set) var byteCount = 0

    /// Creates the file, or empties it.
    init(_ url: URL) throws(CheckpointError) {
        path = url.path
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .system("cannot be created", path, errno) }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let chunk = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 26))
            let written = Glibc.write(descriptor, chunk.baseAddress, chunk.count)
            if written < 0 {
                if errno == EINTR { continue }
                throw .system("cannot be written", path, errno)
            }
            hasher.update(bufferPointer: UnsafeRawBufferPointer(rebasing: chunk.prefix(written)))
            byteCount += written
            rest = rest.dropFirst(written)
        }
    }

    func write(_ data: Data) throws(CheckpointError) {
        try data.withBytes { bytes throws(CheckpointError) in try write(bytes) }
    }

    /// Waits until the disk has the file, and closes it. Returns the SHA-256 of its bytes.
    @discardableResult
    func finish() throws(CheckpointError) -> String {
        guard fsync(descriptor) == 0 else { throw .system("cannot be written", path, errno) }
        let status = close(descriptor)
        descriptor = -1
        guard status == 0 else { throw .system("cannot be written", path, errno) }
        return hexadecimal(hasher.finalize())
    }
}

func hexadecimal(_ digest: SHA256.Digest) -> String {
    digest.map { byte in
        let digits = String(byte, radix: 16)
        return digits.count < 2 ? "0" + digits : digits
    }.joined()
}

/// Opens a file for reading and returns its descriptor and length.
func openRegularFile(_ path: String) throws(CheckpointError) -> (Int32, byteCount: Int) {
    // Without O_NONBLOCK, opening a pipe would wait for its writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .system("cannot be opened", path, errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
        close(descriptor)
        throw CheckpointError(path, "it is not a regular file", remedy: "Put a file in its place.")
    }
    return (descriptor, Int(status.st_size))
}

/// Returns the SHA-256 and length of a file, read in pieces.
func fingerprint(of url: URL) throws(CheckpointError) -> (sha256: String, byteCount: Int) {
    let path = url.path
    let (descriptor, _) = try openRegularFile(path)
    defer { close(descriptor) }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { buffer.deallocate() }
    var hasher = SHA256()
    var byteCount = 0
    while true {
        let count = read(descriptor, buffer.baseAddress, buffer.count)
        if count < 0 {
            if errno == EINTR { continue }
            throw .system("cannot be read", path, errno)
        }
        if count == 0 { return (hexadecimal(hasher.finalize()), byteCount) }
        hasher.update(bufferPointer: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        byteCount += count
    }
}

/// Renames, replacing a file of that name, and waits until the disk knows.
func rename(_ source: URL, to destination: URL) throws(CheckpointError) {
    guard Glibc.rename(source.path, destination.path) == 0 else {
        throw .system("cannot be renamed to", destination.path, errno)
    }
    try synchronize(destination.deletingLastPathComponent())
}

/// Waits until the disk has a folder's entries.
func synchronize(_ folder: URL) throws(CheckpointError) {
    let descriptor = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system("cannot be opened", folder.path, errno) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw .system("cannot be written", folder.path, errno) }
}

/// Removes a file or folder if it is there; what cannot be removed stays.
func removeTree(_ url: URL) {
    try? FileManager.default.removeItem(at: url)
}

extension Data {
    /// Lends the bytes, forwarding the closure's own error type.
    func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafeBytes { bytes in
            Swift.Result { () throws(Failure) in try body(bytes) }
        }.get()
    }
}
