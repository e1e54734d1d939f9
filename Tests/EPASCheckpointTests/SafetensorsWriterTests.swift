import EPASArray
import EPASCheckpoint
import EPASTesting
import Foundation
import Testing

@Suite("safetensors: what the writer writes")
struct SafetensorsWriterTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    static let arrays: [String: HostArray] = [
        "bool": HostArray([true, false, true], [3]),
        "int8": HostArray([Int8.min, 0, .max], [3]),
        "int32": HostArray([Int32.min, 7], [2, 1]),
        "int64": HostArray([Int64.min, .max], [2]),
        "uint8": HostArray([UInt8.max], []),
        "uint32": HostArray([UInt32.max], [1]),
        "uint64": HostArray([UInt64.max], [1]),
        "float16": HostArray([Float16(1.5), .infinity], [2]),
        "bfloat16": HostArray([BFloat16(1.5), BFloat16(-2)], [1, 2]),
        "float32": HostArray([Float.pi, -0.0, .nan], [3]),
        "float64": HostArray([Double.pi], [1]),
        "empty": HostArray([Float](), [0, 4]),
        "quote\"\\\n\u{1F600}": HostArray([Float(1)], [1]),
    ]

    private func bytes(_ array: HostArray) -> [UInt8] { array.withUnsafeBytes { Array($0) } }

    @Test func everyTypeComesBack() throws {
        let types = Set(Self.arrays.values.map(\.shape.elementType))
        #expect(types.count == ElementType.allCases.count)
        try SafetensorsWriter.write(Self.arrays, to: folder("a.safetensors"))
        let file = try SafetensorsFile(folder("a.safetensors"))
        #expect(file.metadata == ["format": "pt"])
        #expect(file.names == Self.arrays.keys.sorted())
        for (name, array) in Self.arrays {
            let read = try file.array(name)
            #expect(read.shape == array.shape)
            #expect(bytes(read) == bytes(array))
        }
    }

    @Test func theBytesAreThese() throws {
        let arrays = [
            "b": HostArray([UInt8(1), 2, 3], [3]), "a": HostArray([UInt8(4)], []),
            "c": HostArray([Float(1)], [1]),
        ]
        try SafetensorsWriter.write(arrays, to: folder("a.safetensors"), metadata: [:])
        let header = SafetensorsReaderTests.header("c F32 1 0,4", "a U8  4,5", "b U8 3 5,8")
        let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
        var expected = SafetensorsReaderTests.file(padded, data: 0)
        expected += [0, 0, 0x80, 0x3F, 4, 1, 2, 3]
        #expect(try Data(contentsOf: folder("a.safetensors")) == expected)
    }

    @Test func typesAreInTheReferencesOrder() throws {
        var arrays: [String: HostArray] = [:]
        for type in ElementType.allCases { arrays["\(type)"] = .zeros(Shape(type, [1])) }
        let url = folder("a.safetensors")
        try SafetensorsWriter.write(arrays, to: url)
        let file = try SafetensorsFile(url)
        let names = file.names.sorted {
            file.entries[$0]!.range.lowerBound < file.entries[$1]!.range.lowerBound
        }
        #expect(
            names == [
                "uint64", "int64", "float64", "float32", "uint32", "int32", "bfloat16", "float16",
                "int8", "uint8", "bool",
            ])
    }

    @Test func theSameTensorsGiveTheSameBytes() throws {
        var files: Set<Data> = []
        for index in 0..<8 {
            // Dictionaries of the same entries differ in their order of iteration.
            var arrays: [String: HostArray] = [:]
            for (name, array) in Self.arrays.shuffled() { arrays[name] = array }
            let url = folder("\(index).safetensors")
            try SafetensorsWriter.write(arrays, to: url, metadata: ["b": "1", "a": "2"])
            let data = try Data(contentsOf: url)
            #expect(data.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) } % 8 == 0)
            files.insert(data)
        }
        #expect(files.count == 1)
    }

    @Test func tensorsAreAskedForOneAtATimeInTheFilesOrder() throws {
        var asked: [String] = []
        let shapes = [
            "b": Shape(.float32, [2]), "a": Shape(.float32, [1]), "z": Shape(.float64, [1]),
        ]
        try SafetensorsWriter.write(shapes, to: folder("a.safetensors")) { name in
            asked.append(name)
            return .zeros(shapes[name]!)
        }
        #expect(asked == ["z", "a", "b"])
    }

    @Test func aFailureLeavesThePreviousFileAndNothingElse() throws {
        struct Stop: Error {}
        let url = folder("a.safetensors")
        try SafetensorsWriter.write(["a": HostArray(Float(1))], to: url)
        let before = try Data(contentsOf: url)
        #expect(throws: Stop.self) {
            try SafetensorsWriter.write(["a": Shape(.float32, [])], to: url) { _ in throw Stop() }
        }
        #expect(try Data(contentsOf: url) == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).count == 1)

        let nowhere = folder("absent/a.safetensors")
        #expect(
            #expect(throws: CheckpointError.self) {
                try SafetensorsWriter.write(["a": HostArray(Float(1))], to: nowhere)
            }?.problems == ["cannot be created: No such file or directory"])
    }

    @Test func aFullDiskIsSaidAndThePreviousFileStays() throws {
        let url = folder("a.safetensors")
        try SafetensorsWriter.write(["a": HostArray(Float(1))], to: url)
        let before = try Data(contentsOf: url)
        // Every write to this device fails as on a full disk.
        try FileManager.default.createSymbolicLink(
            atPath: folder(".a.safetensors.writing").path, withDestinationPath: "/dev/full")
        let error = #expect(throws: CheckpointError.self) {
            try SafetensorsWriter.write(["a": HostArray(Float(2))], to: url)
        }
        #expect(error?.problems == ["cannot be written: No space left on device"])
        #expect(error?.remedy == "Free space on the disk and run again.")
        #expect(try Data(contentsOf: url) == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).count == 1)
    }

    @Test("random shapes come back", arguments: [UInt64](1...30))
    func randomRoundTrip(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        var arrays: [String: HostArray] = [:]
        for index in 0..<Int.random(in: 0...12, using: &random) {
            let dimensions = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                Int.random(in: 0...5, using: &random)
            }
            let types = ElementType.allCases.filter { $0 != .bool }
            let shape = Shape(types.randomElement(using: &random)!, dimensions)
            arrays["t\(index)"] = HostArray(shape) { bytes in
                for index in bytes.indices {
                    bytes[index] = .random(in: 0...255, using: &random)
                }
            }
        }
        let url = folder("a.safetensors")
        try SafetensorsWriter.write(arrays, to: url)
        let file = try SafetensorsFile(url)
        #expect(file.names == arrays.keys.sorted())
        for (name, array) in arrays {
            #expect(try file.shape(name) == array.shape)
            #expect(try bytes(file.array(name)) == bytes(array))
        }
    }
}
