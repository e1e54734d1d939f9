import Glibc

package import struct Foundation.URL

/// A file mapped into memory, read-only.
///
/// Nothing may truncate the file while it is mapped. Checkpoints are only ever renamed into place
/// and deleted whole, which leaves mappings intact.
final class MappedFile: @unchecked Sendable {
    // @unchecked: the mapping is written to by nobody and lives as long as this object.
    let bytes: UnsafeRawBufferPointer

    init(_ url: URL) throws(CheckpointError) {
        let path = url.path
        let (descriptor, size) = try openRegularFile(path)
        defer { close(descriptor) }
        guard size > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
        guard let address, address != MAP_FAILED else {
            throw .system("cannot be mapped", path, errno)
        }
        bytes = UnsafeRawBufferPointer(start: address, count: size)
    }

    /// Lets the system take back the memory of the whole pages in a range, which are read from
    /// the file again when they are next used.
    func releasePages(_ range: Range<Int>) {
        let page = Int(getpagesize())
        let start = (range.lowerBound + page - 1) / page * page
        let end = range.upperBound / page * page
        guard start < end, let address = bytes.baseAddress else { return }
        // A refusal costs memory only.
        _ = madvise(UnsafeMutableRawPointer(mutating: address) + start, end - start, MADV_DONTNEED)
    }

    deinit {
        guard let address = bytes.baseAddress else { return }
        munmap(UnsafeMutableRawPointer(mutating: address), bytes.count)
    }
}

/// Whether there is an entry of that name, be it a link to nothing.
package func isPresent(_ url: URL) -> Bool {
    var status = stat()
    return lstat(url.path, &status) == 0
}

extension CheckpointError {
    /// A system call's failure.
    static func system(_ problem: String, _ path: String, _ code: Int32) -> CheckpointError {
        let remedy =
            switch code {
            case ENOENT: "Check the path."
            case EACCES, EPERM, EROFS: "Check the permissions of the file and its folder."
            case ENOSPC, EDQUOT: "Free space on the disk and run again."
            default: "Check the disk and the path."
            }
        return CheckpointError(
            path, "\(problem): \(String(cString: strerror(code)))", remedy: remedy)
    }
}
