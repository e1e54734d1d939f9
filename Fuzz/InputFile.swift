import Foundation
import Glibc

/// A file that holds one input after another, for readers that want a path.
final class InputFile: @unchecked Sendable {
    // @unchecked: libFuzzer runs one input at a time.
    /// A folder with nothing else in it; Scripts/fuzz.sh removes what is left.
    let folder: URL
    let url: URL
    private let descriptor: Int32

    init(_ name: String) {
        folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        url = folder.appending(path: name)
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            fatalError("no temporary folder: \(error)")
        }
        descriptor = open(url.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { fatalError("no temporary file: errno \(errno)") }
    }

    /// Replaces the contents.
    func fill(_ bytes: UnsafeRawBufferPointer) {
        guard ftruncate(descriptor, 0) == 0,
            pwrite(descriptor, bytes.baseAddress, bytes.count, 0) == bytes.count
        else { fatalError("the input could not be stored: errno \(errno)") }
    }
}
