import Foundation

/// A file to read documents from.
struct InputFile: Hashable, Sendable {
    /// As given, or below a folder that was.
    let path: String
    let size: Int

    /// Whether each line is a JSON object with a document; otherwise the file is one document.
    var isLines: Bool { path.hasSuffix(".jsonl") || path.hasSuffix(".jsonl.zst") }
    var isCompressed: Bool { path.hasSuffix(".zst") }

    /// Lists the files of the inputs: each input in the order given, and a folder's files by the
    /// bytes of their paths.
    ///
    /// Within folders, names that start with a dot are left out, links are followed except to a
    /// folder that encloses them, and patterns choose. A file that was named itself is always
    /// taken. No file is listed twice.
    ///
    /// - Parameter excluded: A folder whose files are never listed: the output.
    /// - Throws: ``DataError`` for an input that does not exist.
    static func list(
        _ inputs: [String], include: [Glob], exclude: [Glob], excluded: URL
    ) throws -> [InputFile] {
        var seen: Set<String> = []
        var files: [InputFile] = []
        for input in inputs {
            var facts = stat()
            guard stat(input, &facts) == 0 else {
                throw DataError(
                    "The input \(input) cannot be opened: \(String(cString: strerror(errno)))",
                    remedy: "Give files and folders that exist.")
            }
            switch facts.st_mode & S_IFMT {
            case S_IFDIR:
                var walk = Walk(
                    include: include, exclude: exclude,
                    excluded: FolderIdentity(path: excluded.path))
                walk.visit(input, below: "", enclosing: [FolderIdentity(facts)])
                files += walk.files.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
                    .filter { seen.insert($0.path).inserted }
            case S_IFREG:
                if seen.insert(input).inserted {
                    files.append(InputFile(path: input, size: Int(facts.st_size)))
                }
            default:
                throw DataError(
                    "The input \(input) is neither a file nor a folder",
                    remedy: "Give files and folders; a stream has to be saved to a file first.")
            }
        }
        return files
    }
}

/// Tells folders apart whatever path leads to them.
private struct FolderIdentity: Hashable {
    let device: UInt64
    let node: UInt64

    init(_ facts: stat) {
        device = UInt64(facts.st_dev)
        node = UInt64(facts.st_ino)
    }

    init?(path: String) {
        var facts = stat()
        guard stat(path, &facts) == 0 else { return nil }
        self.init(facts)
    }
}

/// Collects the files below a folder.
private struct Walk {
    let include: [Glob]
    let exclude: [Glob]
    let excluded: FolderIdentity?
    var files: [InputFile] = []

    mutating func visit(_ folder: String, below: String, enclosing: Set<FolderIdentity>) {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: folder)
        } catch {
            // Listed like a file, so that reading it reports why it cannot be.
            files.append(InputFile(path: folder, size: 0))
            return
        }
        for name in names where !name.hasPrefix(".") {
            let relative = below.isEmpty ? name : "\(below)/\(name)"
            let path = folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
            if exclude.contains(where: { $0.matches(relative) }) { continue }
            let isIncluded = include.isEmpty || include.contains { $0.matches(relative) }
            var facts = stat()
            guard stat(path, &facts) == 0 else {
                if isIncluded { files.append(InputFile(path: path, size: 0)) }
                continue
            }
            if facts.st_mode & S_IFMT == S_IFDIR {
                let identity = FolderIdentity(facts)
                guard !enclosing.contains(identity), identity != excluded else { continue }
                visit(path, below: relative, enclosing: enclosing.union([identity]))
            } else if facts.st_mode & S_IFMT == S_IFREG, isIncluded {
                files.append(InputFile(path: path, size: Int(facts.st_size)))
            }
        }
    }
}
