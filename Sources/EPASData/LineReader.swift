/// Splits a stream of bytes at line feeds.
struct LineReader {
    enum Line: Hashable {
        /// Without its line feed.
        case bytes([UInt8])
        /// Longer than the limit; it was passed over.
        case tooLong
    }

    private let source: any ByteSource
    private let limit: Int
    private var buffer: [UInt8] = []
    private var position = 0
    private var isAtEnd = false

    /// How much of the file was read so far, as it is on disk.
    var fileBytes: Int { source.fileBytes }

    /// - Parameter limit: Most bytes of a line.
    init(_ source: any ByteSource, limit: Int) {
        self.source = source
        self.limit = limit
    }

    /// Returns the next line; `nil` at the end.
    mutating func next() throws(ReadFailure) -> Line? {
        var line: [UInt8] = []
        var isTooLong = false
        var hasAny = false
        while true {
            if position == buffer.count {
                if !isAtEnd {
                    (buffer, position) = (try source.read(), 0)
                    isAtEnd = buffer.isEmpty
                }
                if isAtEnd {
                    guard hasAny else { return nil }
                    return isTooLong ? .tooLong : .bytes(line)
                }
            }
            hasAny = true
            let rest = buffer[position...]
            let end = rest.firstIndex(of: 0x0a)
            let part = rest[..<(end ?? buffer.count)]
            if line.count + part.count > limit {
                isTooLong = true
                line = []
            } else if !isTooLong {
                line += part
            }
            if let end {
                position = end + 1
                return isTooLong ? .tooLong : .bytes(line)
            }
            position = buffer.count
        }
    }
}
