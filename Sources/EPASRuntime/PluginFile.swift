internal import Crypto
internal import Foundation

/// The identity of a plugin's file: the SHA-256 of its contents.
///
/// Hashing a few hundred megabytes takes a good part of a second, so the result is remembered in
/// a folder under the file's path, inode, size and times. The change time is among them: it cannot
/// be set back, so a replaced file is never taken for the old one.
struct PluginFile {
    let path: String

    /// Returns the hash in hexadecimal, remembered or computed.
    func hash(rememberedIn folder: URL) throws -> String {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw CocoaError(.fileReadNoSuchFile, userInfo: [NSFilePathErrorKey: path])
        }
        let identity =
            "\(path)|\(status.st_dev)|\(status.st_ino)|\(status.st_size)"
            + "|\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
            + "|\(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec)"
        let name = SHA256.hash(data: Data(identity.utf8)).hexadecimal
        let note = folder.appending(path: "\(name).plugin")
        if let text = try? String(contentsOf: note, encoding: .utf8), text.isSHA256 {
            return text
        }
        let contents = try Data(contentsOf: URL(filePath: path), options: .alwaysMapped)
        let hash = SHA256.hash(data: contents).hexadecimal
        // A note that cannot be kept costs time at the next start, nothing else.
        try? Data(hash.utf8).write(to: note, options: .atomic)
        return hash
    }
}

extension SHA256.Digest {
    var hexadecimal: String {
        map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0\(digits)" : digits
        }.joined()
    }
}

extension String {
    fileprivate var isSHA256: Bool {
        utf8.count == 64 && allSatisfy { $0.isHexDigit && !$0.isUppercase }
    }
}
