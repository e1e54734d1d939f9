import CZstd
import Foundation

/// A stream of bytes.
protocol ByteSource: AnyObject {
    /// How much of the file was read so far, as it is on disk.
    var fileBytes: Int { get }

    /// Returns the next bytes, a few hundred kilobytes at most; none at the end.
    func read() throws(ReadFailure) -> [UInt8]
}

/// Why a file's bytes cannot be had, in words that follow its name.
struct ReadFailure: Error, Hashable {
    let reason: String
}

/// A file's bytes.
final class FileSource: ByteSource {
    private static let chunkBytes = 1 << 18

    private(set) var fileBytes = 0
    private let file: Int32

    init(path: String) throws(ReadFailure) {
        file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw ReadFailure(reason: String(cString: strerror(errno))) }
    }

    deinit {
        close(file)
    }

    func read() throws(ReadFailure) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.chunkBytes) { buffer, count in
            var result = -1
            repeat {
                result = Foundation.read(file, buffer.baseAddress, Self.chunkBytes)
            } while result < 0 && errno == EINTR
            if result < 0 { failure = errno }
            count = max(result, 0)
        }
        guard failure == 0 else { throw ReadFailure(reason: String(cString: strerror(failure))) }
        fileBytes += bytes.count
        return bytes
    }
}

/// The decompressed bytes of a Zstandard file (RFC 8878), of one frame or several.
final class ZstdSource: ByteSource {
    private static let chunkBytes = 1 << 18

    var fileBytes: Int { file.fileBytes }
    private let file: FileSource
    private let stream: OpaquePointer
    private var input: [UInt8] = []
    private var position = 0
    /// Whether what was read so far ends with a whole frame.
    private var isBetweenFrames = false

    init(path: String) throws(ReadFailure) {
        file = try FileSource(path: path)
        guard let stream = ZSTD_createDStream() else { fatalError("out of memory") }
        self.stream = stream
        // Corpora are often written with --long=31; the default refuses windows over 2^27.
        ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 31)
    }

    deinit {
        ZSTD_freeDStream(stream)
    }

    func read() throws(ReadFailure) -> [UInt8] {
        while true {
            // The decompressor may hold back output even when it has taken all of its input.
            let output = try decompress()
            if !output.isEmpty { return output }
            guard position == input.count else { continue }
            (input, position) = (try file.read(), 0)
            if input.isEmpty {
                guard isBetweenFrames else {
                    throw ReadFailure(reason: "the compressed data ends too early")
                }
                return []
            }
        }
    }

    /// Returns what the input at hand, if any, and the decompressor's own buffers give.
    private func decompress() throws(ReadFailure) -> [UInt8] {
        // Called without input between frames, it would begin another frame.
        if isBetweenFrames, position == input.count { return [] }
        var result = 0
        let output = [UInt8](unsafeUninitializedCapacity: Self.chunkBytes) { buffer, count in
            input.withUnsafeBytes { bytes in
                var chunk = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: position)
                var out = ZSTD_outBuffer(
                    dst: buffer.baseAddress, size: Self.chunkBytes, pos: 0)
                result = ZSTD_decompressStream(stream, &out, &chunk)
                position = chunk.pos
                count = ZSTD_isError(result) == 0 ? out.pos : 0
            }
        }
        guard ZSTD_isError(result) == 0 else {
            let name = String(cString: ZSTD_getErrorName(result))
            throw ReadFailure(reason: "the compressed data is damaged (\(name))")
        }
        isBetweenFrames = result == 0
        return output
    }
}
