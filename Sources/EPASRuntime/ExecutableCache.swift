internal import Crypto
package import Foundation
internal import Synchronization

/// Compiled programs on disk, found by the content that they were compiled from.
///
/// An entry's name is a SHA-256 over everything that decides the result: the program's text, the
/// options, the platform, the plugin's file, the processor's features, the thread count and the
/// compiler's flags in the environment. Any number of processes may use one folder: entries are
/// written aside and renamed, and an entry that is damaged, or that the plugin refuses, is
/// compiled anew. A cache never makes a compilation fail; see ``statistics`` for what it did.
package final class ExecutableCache: Sendable {
    package let directory: URL
    /// The bytes that entries may take together; the least recently used go first.
    package let limit: Int

    /// What the cache did since it was opened.
    package struct Statistics: Hashable, Sendable {
        package var hits = 0
        package var misses = 0
        /// Entries that were damaged or refused by the plugin; they count as misses, too.
        package var rejected = 0
        /// Entries that could not be written.
        package var unwritten = 0
        /// Why the last one could not be.
        package var lastProblem: String?
    }

    private let counters = Mutex(Statistics())

    package var statistics: Statistics { counters.withLock { $0 } }

    /// Opens the cache; the folder is made when the first entry is written.
    ///
    /// - Parameter limit: In bytes; 4 GiB unless told.
    package init(directory: URL, limit: Int = 4 << 30) {
        self.directory = directory
        self.limit = limit
    }

    /// Returns the entry's content, or `nil` if there is none that is whole.
    func load(_ key: CacheKey) -> Data? {
        let url = url(of: key)
        guard let file = try? Data(contentsOf: url) else {
            counters.withLock { $0.misses += 1 }
            return nil
        }
        guard let payload = CacheEntry.payload(of: file, key: key) else {
            reject(key)
            return nil
        }
        // Marks the entry as used.
        try? FileManager.default.setAttributes(
            [.modificationDate: Date()], ofItemAtPath: url.path)
        counters.withLock { $0.hits += 1 }
        return payload
    }

    /// Removes an entry that turned out unusable.
    ///
    /// - Parameter loaded: Whether it was returned by ``load(_:)`` before.
    func reject(_ key: CacheKey, loaded: Bool = false) {
        try? FileManager.default.removeItem(at: url(of: key))
        counters.withLock {
            if loaded { $0.hits -= 1 }
            $0.misses += 1
            $0.rejected += 1
        }
    }

    /// Writes an entry and removes the least recently used beyond the limit.
    func store(_ payload: Data, as key: CacheKey) {
        do {
            try FileManager.default.createDirectory(
                at: directory, withIntermediateDirectories: true)
            try write(CacheEntry.file(payload, key: key), to: url(of: key))
            try evict(keeping: url(of: key))
        } catch {
            failed(to: "write \(url(of: key).path)", error)
        }
    }

    /// Notes a failure that costs time but not correctness.
    func failed(to action: String, _ error: any Error) {
        counters.withLock {
            $0.unwritten += 1
            $0.lastProblem = "cannot \(action): \(error.localizedDescription)"
        }
    }

    private func url(of key: CacheKey) -> URL {
        directory.appending(path: "\(key.text).executable")
    }

    /// Writes aside and renames, so that other processes see a whole entry or none. Nothing is
    /// flushed to disk: an entry that a crash of the machine tears fails its checksum.
    private func write(_ file: Data, to url: URL) throws {
        let aside = directory.appending(path: "\(UUID().uuidString).partial")
        do {
            try file.write(to: aside)
            guard rename(aside.path, url.path) == 0 else {
                throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
            }
        } catch {
            try? FileManager.default.removeItem(at: aside)
            throw error
        }
    }

    private func evict(keeping newest: URL) throws {
        let properties: Set<URLResourceKey> = [.fileSizeKey, .contentModificationDateKey]
        let files = try FileManager.default.contentsOfDirectory(
            at: directory, includingPropertiesForKeys: Array(properties)
        ).compactMap { url -> (url: URL, size: Int, used: Date)? in
            // Another process may have removed it meanwhile.
            guard let values = try? url.resourceValues(forKeys: properties),
                let size = values.fileSize, let used = values.contentModificationDate
            else { return nil }
            return (url, size, used)
        }
        // What a process that was killed left behind; a living one is long done after an hour.
        for file in files where file.url.pathExtension == "partial" {
            if file.used < Date(timeIntervalSinceNow: -3600) {
                try? FileManager.default.removeItem(at: file.url)
            }
        }
        let entries = files.filter { $0.url.pathExtension == "executable" }
        var total = entries.reduce(0) { $0 + $1.size }
        for entry in entries.sorted(by: { $0.used < $1.used }) where total > limit {
            if entry.url.lastPathComponent == newest.lastPathComponent { continue }
            try? FileManager.default.removeItem(at: entry.url)
            total -= entry.size
        }
    }
}

/// The name under which a compiled program is found.
struct CacheKey: Hashable, Sendable {
    let digest: [UInt8]

    /// Hashes the parts in order, each with its length so that no two lists look alike.
    init(_ parts: [Data]) {
        var hash = SHA256()
        for part in parts {
            withUnsafeBytes(of: UInt64(part.count).littleEndian) { hash.update(bufferPointer: $0) }
            hash.update(data: part)
        }
        digest = Array(hash.finalize())
    }

    var text: String {
        digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}

/// An entry's file: magic, key, SHA-256 of the payload, payload.
///
/// The payload goes to the plugin, which trusts it, so every byte is checked before. The key is
/// there so that a file that was moved is not taken for another program.
enum CacheEntry {
    private static let magic = Data("EPASEXE1".utf8)
    private static let headerSize = 8 + 32 + 32

    static func file(_ payload: Data, key: CacheKey) -> Data {
        magic + key.digest + Data(SHA256.hash(data: payload)) + payload
    }

    /// Returns the payload, or `nil` if the file is not a whole entry for that key.
    static func payload(of file: Data, key: CacheKey) -> Data? {
        guard file.count >= headerSize, file.prefix(8) == magic,
            file[8..<40].elementsEqual(key.digest)
        else { return nil }
        let payload = file.dropFirst(headerSize)
        guard SHA256.hash(data: payload).elementsEqual(file[40..<72]) else { return nil }
        return payload
    }
}
