package import EPASArray
import EPASJSON

package import struct Foundation.URL

/// A safetensors file, mapped: tensors are read when they are asked for.
package final class SafetensorsFile: Sendable {
    package let url: URL
    /// Texts that the file carries beside its tensors.
    package let metadata: [String: String]
    /// Every tensor's entry, by name.
    package let entries: [String: SafetensorsEntry]
    private let file: MappedFile
    /// Where the data part begins.
    private let dataStart: Int

    /// Opens a file and checks its header against its length; the data is not read.
    ///
    /// - Throws: ``CheckpointError`` saying what is wrong with the file.
    package init(_ url: URL) throws(CheckpointError) {
        self.url = url
        file = try MappedFile(url)
        let bytes = file.bytes
        func malformed(_ problem: String) -> CheckpointError {
            CheckpointError(
                url.path, "not a safetensors file: \(problem)",
                remedy: "Copy or download the file again.")
        }
        guard bytes.count >= 8 else { throw malformed("\(bytes.count) bytes are too few") }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard !bytes.starts(with: "version https://git-lfs".utf8) else {
            throw CheckpointError(
                url.path, "it is a pointer of Git LFS and not the file itself",
                remedy: "Run `git lfs pull` in its folder, or download the file.")
        }
        guard length >= 2, length <= SafetensorsHeader.lengthLimit else {
            throw malformed("a header of \(length) bytes is out of range")
        }
        guard Int(length) <= bytes.count - 8 else {
            throw malformed(
                "the header is \(length) bytes long, but only \(bytes.count - 8) follow")
        }
        let split = 8 + Int(length)
        dataStart = split
        do throws(JSONScanner.Failure) {
            let header = try SafetensorsHeader(
                UnsafeRawBufferPointer(rebasing: bytes[8..<split]), dataLength: bytes.count - split)
            metadata = header.metadata
            entries = header.entries
        } catch {
            throw malformed("\(error.problem) (at byte \(8 + error.offset))")
        }
    }

    /// The tensors' names, sorted.
    package var names: [String] { entries.keys.sorted() }

    /// Returns a tensor that borrows the file's memory.
    ///
    /// - Throws: ``CheckpointError`` if there is none of that name, or of a type that no array has.
    package func array(_ name: String) throws(CheckpointError) -> HostArray {
        let shape = try shape(name)
        guard let range = entries[name]?.range else { fatalError("\(name) has a shape only") }
        let bytes = UnsafeRawBufferPointer(
            rebasing: file.bytes[dataStart...].dropFirst(range.lowerBound).prefix(range.count))
        if shape.elementType == .bool, !bytes.allSatisfy({ $0 <= 1 }) {
            throw CheckpointError(
                url.path, "tensor \"\(shown(name))\" has truth values other than 0 and 1",
                remedy: "Write it again as U8.")
        }
        return HostArray(shape, borrowing: bytes, owner: file)
    }

    /// Gives back the memory that reading a tensor took; it can be read again.
    package func releasePages(of name: String) {
        guard let range = entries[name]?.range else { return }
        file.releasePages(dataStart + range.lowerBound..<dataStart + range.upperBound)
    }

    /// The shape of a tensor, by the same rules as ``array(_:)``.
    package func shape(_ name: String) throws(CheckpointError) -> Shape {
        guard let entry = entries[name] else {
            throw CheckpointError(
                url.path, "there is no tensor \"\(shown(name))\"",
                remedy: "Use one of \(listed(names)).")
        }
        guard let type = SafetensorsType.elementType(entry.typeName) else {
            throw CheckpointError(
                url.path, "tensor \"\(shown(name))\" has dtype \(entry.typeName)",
                remedy: "Convert it to F32, BF16, F16 or another type of arrays.")
        }
        return Shape(type, entry.dimensions)
    }
}
