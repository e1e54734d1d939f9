// The header of a safetensors file: names, types, shapes and places of tensors.
//
// Format: <https://github.com/huggingface/safetensors#format>. Accepts and refuses what version
// 0.8.0 of the reference does, and refuses in addition, as the format's text asks: keys written
// twice, and anything before the header's opening brace; and of empty tensors those that would be
// too large without their zeros.

import EPASArray
import EPASJSON

/// A tensor's entry in a safetensors file.
package struct SafetensorsEntry: Hashable, Sendable {
    /// Such as `F32` or `BF16`.
    package let typeName: String
    package let dimensions: [Int]
    /// Bytes of the file's data part.
    package let range: Range<Int>
}

struct SafetensorsHeader {
    /// The reference's bound on the header's length, in bytes.
    static let lengthLimit = 100_000_000
    /// Bounds on what a header may make us store; the largest known models have 100,000 tensors.
    static let entryLimit = 1 << 17
    static let rankLimit = 64

    var entries: [String: SafetensorsEntry] = [:]
    var metadata: [String: String] = [:]

    /// Parses a header and checks it against the length of the data part.
    init(_ bytes: UnsafeRawBufferPointer, dataLength: Int) throws(JSONScanner.Failure) {
        var scanner = JSONScanner(bytes)
        guard bytes.first == UInt8(ascii: "{") else {
            throw scanner.failure("the header does not begin with {")
        }
        try scanner.beginObject()
        var isFirst = true
        var hasMetadata = false
        while let name = try scanner.nextKey(isFirst: isFirst) {
            isFirst = false
            guard entries.count + metadata.count < Self.entryLimit else {
                throw scanner.failure("there are more than \(Self.entryLimit) entries")
            }
            if name == "__metadata__" {
                guard !hasMetadata else { throw scanner.failure("__metadata__ is written twice") }
                hasMetadata = true
                try readMetadata(&scanner)
            } else {
                guard entries[name] == nil else {
                    throw scanner.failure("tensor \"\(shown(name))\" is written twice")
                }
                entries[name] = try Self.entry(&scanner, name)
            }
        }
        try scanner.end()
        try checkLayout(dataLength: dataLength, scanner)
    }

    private mutating func readMetadata(_ scanner: inout JSONScanner) throws(JSONScanner.Failure) {
        if scanner.peek() == UInt8(ascii: "n") {
            guard try scanner.word() == "null" else {
                throw scanner.failure("__metadata__ is not an object")
            }
            return
        }
        try scanner.beginObject()
        var isFirst = true
        while let key = try scanner.nextKey(isFirst: isFirst) {
            isFirst = false
            guard metadata[key] == nil else {
                throw scanner.failure("metadata \"\(shown(key))\" is written twice")
            }
            guard metadata.count < Self.entryLimit else {
                throw scanner.failure("there are more than \(Self.entryLimit) entries")
            }
            metadata[key] = try scanner.string()
        }
    }

    private static func entry(
        _ scanner: inout JSONScanner, _ name: String
    ) throws(JSONScanner.Failure) -> SafetensorsEntry {
        let tensor = "tensor \"\(shown(name))\""
        var typeName: String?
        var dimensions: [Int]?
        var offsets: [Int]?
        try scanner.beginObject()
        var isFirst = true
        while let field = try scanner.nextKey(isFirst: isFirst) {
            isFirst = false
            let isRepeated =
                switch field {
                case "dtype": typeName != nil
                case "shape": dimensions != nil
                case "data_offsets": offsets != nil
                default: false
                }
            guard !isRepeated else {
                throw scanner.failure("\(field) of \(tensor) is written twice")
            }
            switch field {
            case "dtype": typeName = try scanner.string()
            case "shape": dimensions = try naturals(&scanner, "shape of \(tensor)")
            case "data_offsets": offsets = try naturals(&scanner, "data_offsets of \(tensor)")
            // The reference ignores other fields.
            default: try scanner.skipValue()
            }
        }
        guard let typeName else { throw scanner.failure("\(tensor) has no dtype") }
        guard let dimensions else { throw scanner.failure("\(tensor) has no shape") }
        guard let offsets else { throw scanner.failure("\(tensor) has no data_offsets") }
        guard offsets.count == 2, offsets[0] <= offsets[1] else {
            throw scanner.failure("data_offsets of \(tensor) are not a begin and an end")
        }
        guard let bits = SafetensorsType.bits[typeName] else {
            throw scanner.failure("\(tensor) has the unknown dtype \"\(shown(typeName))\"")
        }
        guard let bytes = byteCount(dimensions, bits: bits) else {
            throw scanner.failure("the size of \(tensor) overflows or is no whole byte")
        }
        guard bytes == offsets[1] - offsets[0] else {
            throw scanner.failure(
                "\(tensor) of \(typeName)\(dimensions) takes \(bytes) bytes, but its data_offsets "
                    + "span \(offsets[1] - offsets[0])")
        }
        return SafetensorsEntry(
            typeName: typeName, dimensions: dimensions, range: offsets[0]..<offsets[1])
    }

    /// Whole numbers from 0 that fit `Int`.
    private static func naturals(
        _ scanner: inout JSONScanner, _ what: String
    ) throws(JSONScanner.Failure) -> [Int] {
        try scanner.beginArray()
        var values: [Int] = []
        while try scanner.hasElement(isFirst: values.isEmpty) {
            guard values.count < rankLimit else { throw scanner.failure("\(what) is too long") }
            let text = try scanner.number()
            guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int(text) else {
                throw scanner.failure("\(what) has \(shown(text)), which is no size")
            }
            values.append(value)
        }
        return values
    }

    /// Bytes of a tensor; nil where any product of its dimensions overflows.
    private static func byteCount(_ dimensions: [Int], bits: Int) -> Int? {
        // Zeros are left out, so that no product of some of the dimensions overflows elsewhere.
        var count = bits
        for dimension in dimensions where dimension != 0 {
            let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
            guard !overflow else { return nil }
            count = product
        }
        guard count.isMultiple(of: 8) else { return nil }
        return dimensions.contains(0) ? 0 : count / 8
    }

    /// Checks that the tensors cover the data part, without holes or overlap.
    private func checkLayout(
        dataLength: Int, _ scanner: JSONScanner
    ) throws(JSONScanner.Failure) {
        var end = 0
        let ordered = entries.sorted {
            ($0.value.range.lowerBound, $0.value.range.upperBound, $0.key)
                < ($1.value.range.lowerBound, $1.value.range.upperBound, $1.key)
        }
        for (name, entry) in ordered {
            guard entry.range.lowerBound == end else {
                let what = entry.range.lowerBound < end ? "overlaps another" : "follows a hole"
                throw scanner.failure("tensor \"\(shown(name))\" \(what)")
            }
            end = entry.range.upperBound
        }
        guard end == dataLength else {
            throw scanner.failure(
                "the tensors take \(end) bytes, but \(dataLength) follow the header")
        }
    }
}

/// The element types of safetensors files.
enum SafetensorsType {
    /// Bits per element of every type of the format.
    static let bits = [
        "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8,
        "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16,
        "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64,
        "U64": 64,
    ]

    /// Our types in the reference's order of writing: widest first.
    static let order: [ElementType] = [
        .uint64, .int64, .float64, .float32, .uint32, .int32, .bfloat16, .float16, .int8, .uint8,
        .bool,
    ]

    static func name(_ type: ElementType) -> String {
        switch type {
        case .bool: "BOOL"
        case .int8: "I8"
        case .int32: "I32"
        case .int64: "I64"
        case .uint8: "U8"
        case .uint32: "U32"
        case .uint64: "U64"
        case .float16: "F16"
        case .bfloat16: "BF16"
        case .float32: "F32"
        case .float64: "F64"
        }
    }

    /// The element type of that name, if arrays can have it.
    static func elementType(_ name: String) -> ElementType? {
        ElementType.allCases.first { self.name($0) == name }
    }
}
