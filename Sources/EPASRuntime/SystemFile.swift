internal import Foundation

/// A file that the kernel makes up as it is read, such as those in `/proc`.
enum SystemFile {
    /// Returns the whole text; `nil` if there is no such file.
    ///
    /// Such files have no size, and what reads a file by its size gets the first few pages only.
    static func text(_ path: String) -> String? {
        guard let file = FileHandle(forReadingAtPath: path),
            let bytes = try? file.readToEnd()
        else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}
