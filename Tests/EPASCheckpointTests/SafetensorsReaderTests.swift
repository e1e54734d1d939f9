import EPASArray
import EPASCheckpoint
import EPASTesting
import Foundation
import Testing

@Suite("safetensors: what the reader accepts and refuses")
struct SafetensorsReaderTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A file of this header and this many zero bytes.
    static func file(_ header: [UInt8], data: Int, length: UInt64? = nil) -> Data {
        var bytes = Data()
        withUnsafeBytes(of: (length ?? UInt64(header.count)).littleEndian) {
            bytes.append(contentsOf: $0)
        }
        return bytes + header + Data(count: data)
    }

    static func file(_ header: String, data: Int, length: UInt64? = nil) -> Data {
        file(Array(header.utf8), data: data, length: length)
    }

    /// A header of entries `name type shape begin,end`, such as `a F32 2 0,8`.
    static func header(_ entries: String...) -> String {
        let parts = entries.map { entry in
            let words = entry.split(separator: " ", omittingEmptySubsequences: false)
            return #""\#(words[0])":{"dtype":"\#(words[1])","shape":[\#(words[2])],"#
                + #""data_offsets":[\#(words[3])]}"#
        }
        return "{\(parts.joined(separator: ","))}"
    }

    static let one = String(header("a F32 2 0,8").dropFirst().dropLast())

    /// A file made here, and what becomes of it.
    struct Row: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let bytes: Data
        /// The tensors' names of a file that is accepted.
        var names: [String]?
        /// The whole problem of a file that is refused.
        var problem: String?
    }

    private static let accepted: [(String, String, Int, [String])] = [
        ("length no multiple of 8", "{\(one)}", 8, ["a"]),
        ("padded with spaces", "{\(one)}   ", 8, ["a"]),
        ("white space inside", "{ \(one)\n\t}", 8, ["a"]),
        ("zero-size tensor", header("a F32 0,3 0,0"), 0, ["a"]),
        ("scalar", header("a F32  0,4"), 4, ["a"]),
        ("no tensor", "{}", 0, []),
        ("null metadata", #"{"__metadata__":null}"#, 0, []),
        ("metadata", #"{"__metadata__":{"format":"pt"},\#(one)}"#, 8, ["a"]),
        (
            "fields the format does not have",
            #"{"a":{"x":[{"y":null}],"dtype":"F32","shape":[2],"data_offsets":[0,8],"z":1e5}}"#, 8,
            ["a"]
        ),
        (
            "fields in another order", #"{"a":{"data_offsets":[0,8],"shape":[2],"dtype":"F32"}}"#,
            8, ["a"]
        ),
        (
            "tensors in another order than their bytes", header("b U8 1 8,9", "a F32 2 0,8"), 9,
            ["a", "b"]
        ),
        (
            "a zero-size tensor between others",
            header("b U8 1 8,9", "e U8 0 8,8", "a F32 2 0,8"), 9, ["a", "b", "e"]
        ),
        (
            "names that are paths, and none", header("../../etc/passwd U8 1 0,1", " U8 1 1,2"), 2,
            ["", "../../etc/passwd"]
        ),
        (
            "names with escapes", header(#"\u0061\ud83d\ude00\n U8 1 0,1"#), 1, ["a\u{1F600}\n"]
        ),
        (
            "types without an array",
            header("a F8_E4M3 1 0,1", "b C64 1 1,9", "c F4 2 9,10", "d F6_E2M3 4 10,13"), 13,
            ["a", "b", "c", "d"]
        ),
    ]

    private static let refused: [(String, String, Int, String)] = [
        ("leading space", " {\(one)}", 8, "the header does not begin with { (at byte 8)"),
        ("leading newline", "\n{\(one)}", 8, "the header does not begin with { (at byte 8)"),
        ("duplicate key", "{\(one),\(one)}", 8, "tensor \"a\" is written twice (at byte 66)"),
        (
            "duplicate key, spelled otherwise", header("a F32 2 0,8", #"\u0061 U8 1 8,9"#), 9,
            "tensor \"a\" is written twice (at byte 71)"
        ),
        (
            "duplicate field",
            #"{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 8,
            "dtype of tensor \"a\" is written twice (at byte 36)"
        ),
        (
            "duplicate metadata", #"{"__metadata__":{"a":"1","a":"1"}}"#, 0,
            "metadata \"a\" is written twice (at byte 37)"
        ),
        (
            "metadata twice", #"{"__metadata__":{},"__metadata__":null}"#, 0,
            "__metadata__ is written twice (at byte 42)"
        ),
        ("trailing NUL", "{\(one)}\u{0}", 8, "nothing is expected after the value (at byte 62)"),
        ("trailing comma", "{\(one),}", 8, "a key is expected (at byte 62)"),
        ("no closing brace", "{\(one)", 8, "a comma or } is expected (at byte 61)"),
        ("hole", header("a F32 2 8,16"), 16, "tensor \"a\" follows a hole (at byte 63)"),
        (
            "hole between", header("a F32 2 0,8", "b U8 1 9,10"), 10,
            "tensor \"b\" follows a hole (at byte 115)"
        ),
        (
            "overlap", header("a F32 2 0,8", "b F32 2 4,12"), 12,
            "tensor \"b\" overlaps another (at byte 116)"
        ),
        (
            "the same bytes twice", header("a F32 2 0,8", "b F32 2 0,8"), 8,
            "tensor \"b\" overlaps another (at byte 115)"
        ),
        (
            "trailing bytes", "{\(one)}", 9,
            "the tensors take 8 bytes, but 9 follow the header (at byte 62)"
        ),
        (
            "missing bytes", "{\(one)}", 7,
            "the tensors take 8 bytes, but 7 follow the header (at byte 62)"
        ),
        (
            "bytes without tensors", "{}", 1,
            "the tensors take 0 bytes, but 1 follow the header (at byte 10)"
        ),
        (
            "shape and bytes differ", header("a F32 3 0,8"), 8,
            "tensor \"a\" of F32[3] takes 12 bytes, but its data_offsets span 8 (at byte 61)"
        ),
        (
            "negative dimension", header("a F32 -2 0,8"), 8,
            "shape of tensor \"a\" has -2, which is no size (at byte 39)"
        ),
        (
            "float dimension", header("a F32 2.0 0,8"), 8,
            "shape of tensor \"a\" has 2.0, which is no size (at byte 40)"
        ),
        (
            "exponent", header("a F32 2e0 0,8"), 8,
            "shape of tensor \"a\" has 2e0, which is no size (at byte 40)"
        ),
        ("leading zero", header("a F32 02 0,8"), 8, "a number begins with 0 (at byte 37)"),
        (
            "product overflows", header("a F32 4294967296,4294967296 0,8"), 8,
            "the size of tensor \"a\" overflows or is no whole byte (at byte 81)"
        ),
        (
            "bytes overflow", header("a F64 4611686018427387904 0,8"), 8,
            "the size of tensor \"a\" overflows or is no whole byte (at byte 79)"
        ),
        (
            "product overflows but for a zero", header("a F32 0,4294967296,4294967296 0,0"), 0,
            "the size of tensor \"a\" overflows or is no whole byte (at byte 83)"
        ),
        (
            "half a byte", header("a F4 3 0,1"), 1,
            "the size of tensor \"a\" overflows or is no whole byte (at byte 60)"
        ),
        (
            "end before begin", header("a F32 2 8,0"), 8,
            "data_offsets of tensor \"a\" are not a begin and an end (at byte 61)"
        ),
        (
            "one offset", header("a F32 2 8"), 8,
            "data_offsets of tensor \"a\" are not a begin and an end (at byte 59)"
        ),
        (
            "offset of 2^63", header("a F32 2 0,9223372036854775808"), 8,
            "data_offsets of tensor \"a\" has 9223372036854775808, which is no size (at byte 77)"
        ),
        (
            "offset of 2^64", header("a F32 2 0,18446744073709551616"), 8,
            "data_offsets of tensor \"a\" has 18446744073709551616, which is no size (at byte 78)"
        ),
        (
            "offsets of 2^63 - 1", header("a F32 0 9223372036854775807,9223372036854775807"), 0,
            "tensor \"a\" follows a hole (at byte 98)"
        ),
        (
            "metadata of numbers", #"{"__metadata__":{"a":1}}"#, 0,
            "a string is expected (at byte 29)"
        ),
        ("metadata as a list", #"{"__metadata__":[]}"#, 0, "an object is expected (at byte 24)"),
        (
            "no dtype", #"{"a":{"shape":[2],"data_offsets":[0,8]}}"#, 8,
            "tensor \"a\" has no dtype (at byte 47)"
        ),
        (
            "no shape", #"{"a":{"dtype":"F32","data_offsets":[0,8]}}"#, 8,
            "tensor \"a\" has no shape (at byte 49)"
        ),
        (
            "no offsets", #"{"a":{"dtype":"F32","shape":[2]}}"#, 8,
            "tensor \"a\" has no data_offsets (at byte 40)"
        ),
        (
            "null dtype", #"{"a":{"dtype":null,"shape":[2],"data_offsets":[0,8]}}"#, 8,
            "a string is expected (at byte 22)"
        ),
        (
            "unknown dtype", header("a F128 2 0,8"), 8,
            "tensor \"a\" has the unknown dtype \"F128\" (at byte 62)"
        ),
        (
            "lower-case dtype", header("a f32 2 0,8"), 8,
            "tensor \"a\" has the unknown dtype \"f32\" (at byte 61)"
        ),
        ("entry as a list", #"{"a":["F32",[2],[0,8]]}"#, 8, "an object is expected (at byte 13)"),
        ("array root", "[\(one)]", 8, "the header does not begin with { (at byte 8)"),
        (
            "nesting",
            "{\"a\":{\"x\":" + String(repeating: "[", count: 200)
                + String(repeating: "]", count: 200) + "}}", 8,
            "the nesting is too deep (at byte 83)"
        ),
        (
            "nesting without end", "{\"a\":{\"x\":" + String(repeating: "[", count: 100_000), 8,
            "the nesting is too deep (at byte 83)"
        ),
        (
            "too many dimensions", header("a F32 1\(String(repeating: ",1", count: 64)) 0,4"), 4,
            "shape of tensor \"a\" is too long (at byte 165)"
        ),
        ("lone surrogate", header(#"\ud83d U8 1 0,1"#), 1, "a surrogate stands alone (at byte 16)"),
        (
            "two high surrogates", header(#"\ud83d\ud83d U8 1 0,1"#), 1,
            "a surrogate stands alone (at byte 22)"
        ),
        ("cut-off escape", #"{"\u00" "#, 1, "an escape is not hexadecimal (at byte 14)"),
        ("cut-off escape at the end", #"{"\u0"#, 0, "an escape is cut off (at byte 12)"),
        ("unknown escape", #"{"\x":1}"#, 1, "an escape is unknown (at byte 12)"),
        (
            "control character", "{\"a\n\":1}", 1,
            "a control character stands in a string (at byte 11)"
        ),
        ("comment", "{/**/}", 0, "a key is expected (at byte 9)"),
    ]

    private static let lengths: [(UInt64, String)] = [
        (0, "a header of 0 bytes is out of range"),
        (1, "a header of 1 bytes is out of range"),
        (100_000_001, "a header of 100000001 bytes is out of range"),
        (100_000_000, "the header is 100000000 bytes long, but only 2 follow"),
        (1 << 63, "a header of 9223372036854775808 bytes is out of range"),
        (.max, "a header of 18446744073709551615 bytes is out of range"),
        (3, "the header is 3 bytes long, but only 2 follow"),
    ]

    private static let others: [Row] = [
        Row(testDescription: "no bytes", bytes: Data(), problem: "0 bytes are too few"),
        Row(
            testDescription: "a part of the length", bytes: Data(count: 7),
            problem: "7 bytes are too few"),
        Row(
            testDescription: "a name that is not UTF-8",
            bytes: file(Array("{\"".utf8) + [0xFF] + Array("\":1}".utf8), data: 0),
            problem: "a string is not UTF-8 (at byte 11)"),
        Row(
            testDescription: "an overlong character in a field that is passed over",
            bytes: file(
                Array("{\"a\":{\"x\":\"".utf8) + [0xC0, 0x80] + Array("\"}}".utf8), data: 0),
            problem: "a string is not UTF-8 (at byte 21)"),
    ]

    static let table: [Row] =
        accepted.map {
            Row(testDescription: $0.0, bytes: file($0.1, data: $0.2), names: $0.3)
        }
        + refused.map {
            Row(testDescription: $0.0, bytes: file($0.1, data: $0.2), problem: $0.3)
        }
        + lengths.map {
            Row(
                testDescription: "a length of \($0.0)",
                bytes: file("{}", data: 0, length: $0.0), problem: $0.1)
        } + others

    @Test("accepted, or refused with the exact sentence", arguments: table)
    func reads(row: Row) throws {
        let url = try folder.write("a.safetensors", row.bytes)
        guard let problem = row.problem else {
            #expect(try SafetensorsFile(url).names == row.names)
            return
        }
        let error = #expect(throws: CheckpointError.self) { try SafetensorsFile(url) }
        #expect(
            error?.description
                == "\(url.path): not a safetensors file: \(problem). "
                + "Copy or download the file again.")
    }

    @Test func metadataIsKept() throws {
        let header = #"{"__metadata__":{"format":"pt"},\#(Self.one)}"#
        let url = try folder.write("a.safetensors", Self.file(header, data: 8))
        #expect(try SafetensorsFile(url).metadata == ["format": "pt"])
    }

    @Test func whatAHeaderMakesUsStoreIsBounded() throws {
        let entries = (0...(1 << 17)).map {
            #""\#($0)":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#
        }
        for (header, problem) in [
            ("{\(entries.joined(separator: ","))}", "there are more than 131072 entries"),
            ("{\"\(String(repeating: "a", count: 17_000_000))\":{}}", "a string is too long"),
        ] {
            let url = try folder.write("a.safetensors", Self.file(header, data: 0))
            let error = #expect(throws: CheckpointError.self) { try SafetensorsFile(url) }
            #expect(error?.problems.first?.contains(problem) == true)
        }
    }

    @Test func refusesWhatIsAbsentOrNoFile() throws {
        let absent = folder("absent")
        #expect(
            #expect(throws: CheckpointError.self) { try SafetensorsFile(absent) }?.description
                == "\(absent.path): cannot be opened: No such file or directory. Check the path.")
        #expect(
            #expect(throws: CheckpointError.self) { try SafetensorsFile(folder.url) }?.problems
                == ["it is not a regular file"])
    }

    @Test func aTypeWithoutAnArrayIsRefusedWhenAskedFor() throws {
        let header = Self.header("a F8_E4M3 1 0,1", "b BOOL 1 1,2", "c U8 1 2,3")
        var bytes = Self.file(header, data: 3)
        bytes[bytes.count - 2] = 2
        let url = try folder.write("a.safetensors", bytes)
        let file = try SafetensorsFile(url)
        #expect(try file.array("c").elements(as: UInt8.self) == [0])
        func error(_ name: String) -> String? {
            #expect(throws: CheckpointError.self) { try file.array(name) }?.description
        }
        #expect(
            error("a")
                == """
                \(url.path): tensor "a" has dtype F8_E4M3. \
                Convert it to F32, BF16, F16 or another type of arrays.
                """)
        #expect(
            error("b")
                == """
                \(url.path): tensor "b" has truth values other than 0 and 1. Write it again as U8.
                """)
        #expect(
            error("d") == "\(url.path): there is no tensor \"d\". Use one of \"a\", \"b\", \"c\".")
    }

    @Test("changed bytes never stop the process", arguments: [UInt64](1...40))
    func noise(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let header = Self.header("a F32 2 0,8", "b U8 1 8,9")
        let whole = Self.file(header, data: 9)
        for _ in 0..<50 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                bytes[index] = UInt8.random(in: 0...255, using: &random)
            }
            if seed % 2 == 0 {
                bytes = bytes.prefix(Int.random(in: 0...bytes.count, using: &random))
            }
            let url = try folder.write("a.safetensors", bytes)
            // Either an error, or arrays of which every byte can be read.
            do throws(CheckpointError) {
                let file = try SafetensorsFile(url)
                for name in file.names {
                    if let array = try? file.array(name) {
                        #expect(array.doubles().count == array.shape.elementCount)
                    }
                }
            } catch {
                #expect(error.problems.count == 1)
            }
        }
    }
}
