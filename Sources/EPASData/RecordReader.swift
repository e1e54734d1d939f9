/// Reads the records of the input files, one after the other.
struct RecordReader {
    private var files: ArraySlice<InputFile>
    private let limit: Int
    private var lines: (file: InputFile, reader: LineReader, number: Int)?
    private var bytesOfDoneFiles = 0

    /// Bytes read so far, as they are on disk.
    var bytesRead: Int { bytesOfDoneFiles + (lines?.reader.fileBytes ?? 0) }

    /// - Parameter limit: Most bytes of a document, and of a line that holds one.
    init(_ files: [InputFile], limit: Int) {
        self.files = files[...]
        self.limit = limit
    }

    /// Returns the next record; `nil` after the last.
    mutating func next() -> Record? {
        while true {
            if let record = nextLine() { return record }
            guard let file = files.popFirst() else { return nil }
            do throws(ReadFailure) {
                let source: any ByteSource =
                    file.isCompressed
                    ? try ZstdSource(path: file.path) : try FileSource(path: file.path)
                if file.isLines {
                    lines = (file, LineReader(source, limit: limit), 0)
                } else {
                    bytesOfDoneFiles += file.size
                    return try wholeFile(file, source)
                }
            } catch {
                return unreadable(file, error)
            }
        }
    }

    /// Returns the next batch of records, of about so many bytes; empty after the last.
    mutating func nextBatch(bytes: Int) -> [Record] {
        var batch: [Record] = []
        var size = 0
        while size < bytes, batch.count < 4096, let record = next() {
            size += record.size
            batch.append(record)
        }
        return batch
    }

    /// Returns the next line that is not blank; `nil` at the end of the file.
    private mutating func nextLine() -> Record? {
        guard let (file, current, done) = lines else { return nil }
        var (reader, number) = (current, done)
        // Held here alone, so that reading does not copy its buffer.
        lines = nil
        do throws(ReadFailure) {
            while let line = try reader.next() {
                number += 1
                let origin = Origin(path: file.path, line: number)
                switch line {
                case .tooLong:
                    lines = (file, reader, number)
                    return Record(
                        origin: origin,
                        content: .unusable(.tooLong, detail: "the line has over \(limit) bytes"))
                case .bytes(var bytes):
                    if number == 1, bytes.starts(with: [0xef, 0xbb, 0xbf]) { bytes.removeFirst(3) }
                    if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }) { continue }
                    lines = (file, reader, number)
                    return Record(origin: origin, content: .json(bytes))
                }
            }
            bytesOfDoneFiles += file.size
            return nil
        } catch {
            bytesOfDoneFiles += file.size
            return Record(
                origin: Origin(path: file.path, line: number + 1),
                content: .unusable(.unreadable, detail: error.reason))
        }
    }

    private func wholeFile(
        _ file: InputFile, _ source: any ByteSource
    ) throws(ReadFailure) -> Record {
        let origin = Origin(path: file.path, line: nil)
        var bytes: [UInt8] = []
        while true {
            let chunk = try source.read()
            if chunk.isEmpty { return Record(origin: origin, content: .text(bytes)) }
            guard bytes.count + chunk.count <= limit else {
                return Record(
                    origin: origin,
                    content: .unusable(.tooLong, detail: "the file has over \(limit) bytes of text")
                )
            }
            bytes += chunk
        }
    }

    private func unreadable(_ file: InputFile, _ failure: ReadFailure) -> Record {
        Record(
            origin: Origin(path: file.path, line: nil),
            content: .unusable(.unreadable, detail: failure.reason))
    }
}
