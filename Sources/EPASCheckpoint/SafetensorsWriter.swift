package import EPASArray
import EPASJSON

package import struct Foundation.Data
package import struct Foundation.URL

/// Writes safetensors files: the same tensors always give the same bytes.
package enum SafetensorsWriter {
    /// Writes a file, then renames it into place; one tensor is in memory at a time.
    ///
    /// The bytes are those of the reference, version 0.8.0: tensors by type, widest first, then by
    /// name, so that each is aligned to its elements; the header padded with spaces to 8 bytes.
    ///
    /// - Parameter array: Called once for each name, in the file's order; returns its tensor.
    package static func write(
        _ shapes: [String: Shape], to url: URL, metadata: [String: String] = ["format": "pt"],
        array: (String) throws -> HostArray
    ) throws {
        let temporary = url.deletingLastPathComponent()
            .appendingPathComponent(".\(url.lastPathComponent).writing")
        do {
            let file = try FileWriter(temporary)
            try write(shapes, to: file, metadata: metadata, array: array)
            try file.finish()
            try rename(temporary, to: url)
        } catch {
            removeTree(temporary)
            throw error
        }
    }

    /// Writes arrays that are in memory; see ``write(_:to:metadata:array:)``.
    package static func write(
        _ arrays: [String: HostArray], to url: URL, metadata: [String: String] = ["format": "pt"]
    ) throws {
        try write(arrays.mapValues(\.shape), to: url, metadata: metadata) { arrays[$0]! }
    }

    static func write(
        _ shapes: [String: Shape], to file: FileWriter, metadata: [String: String],
        array: (String) throws -> HostArray
    ) throws {
        let names = order(shapes)
        try file.write(header(shapes, names, metadata))
        for name in names {
            let array = try array(name)
            guard array.shape == shapes[name] else {
                fatalError("\(name) is \(array.shape), announced as \(shapes[name]!)")
            }
            try array.withUnsafeBytes { bytes in try file.write(bytes) }
        }
    }

    private static func order(_ shapes: [String: Shape]) -> [String] {
        SafetensorsType.order.flatMap { type in
            shapes.filter { $0.value.elementType == type }.keys.sorted()
        }
    }

    /// The length and the header.
    private static func header(
        _ shapes: [String: Shape], _ names: [String], _ metadata: [String: String]
    ) -> Data {
        guard shapes["__metadata__"] == nil else { fatalError("__metadata__ is no tensor's name") }
        var entries: [(String, JSONValue)] = []
        if !metadata.isEmpty {
            entries.append(
                (
                    "__metadata__",
                    .object(metadata.sorted { $0.key < $1.key }.map { ($0, .string($1)) })
                ))
        }
        var offset = 0
        for name in names {
            let shape = shapes[name]!
            let end = offset + shape.byteCount
            entries.append(
                (
                    name,
                    .object([
                        ("dtype", .string(SafetensorsType.name(shape.elementType))),
                        ("shape", .array(shape.dimensions.map { .integer($0) })),
                        ("data_offsets", .array([.integer(offset), .integer(end)])),
                    ])
                ))
            offset = end
        }
        var text = Array(JSONValue.object(entries).compactText.utf8)
        text += [UInt8](repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
        var data = Data()
        withUnsafeBytes(of: UInt64(text.count).littleEndian) { data.append(contentsOf: $0) }
        data.append(contentsOf: text)
        return data
    }
}
