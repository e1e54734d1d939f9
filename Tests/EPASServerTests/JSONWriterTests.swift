import EPASJSON
import Testing

@testable import EPASServer

@Suite("Writing JSON")
struct JSONWriterTests {
    @Test(
        "texts are written so that any reader has them back",
        arguments: [
            "", "plain", "\"quoted\"", "back\\slash", "line\nfeed", "tab\tand\rreturn", "\0",
            "\u{1F}",
            "\u{7F}", "é", "e\u{301}", "🎉", "\u{2028}", "\u{FFFD}", "</script>", "\u{10FFFF}",
        ])
    func texts(text: String) throws {
        var writer = JSONWriter()
        writer.object { $0.field(text, text) }
        let json = try writer.bytes.withUnsafeBytes { try JSONValue($0) }
        #expect(json.entries.count == 1)
        #expect(json.entries.first?.0 == text)
        #expect(json.entries.first?.1.string == text)
        // Nothing that ends a line or a server-sent event.
        #expect(writer.bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F })
    }

    @Test(
        "numbers read back as the same bits, and those that JSON lacks as a very small one",
        arguments: [
            0, -0.1, -1e-30, -0.69314718, -88.5, .leastNonzeroMagnitude, -.greatestFiniteMagnitude,
            1 / 3, -100_000_000,
        ] as [Float])
    func numbers(value: Float) throws {
        var writer = JSONWriter()
        writer.array { $0.value(value) }
        let json = try writer.bytes.withUnsafeBytes { try JSONValue($0) }
        #expect(json[0]?.double.map { Float($0).bitPattern } == value.bitPattern)
        var others = JSONWriter()
        others.array { writer in
            for value in [Float.nan, .infinity, -.infinity] { writer.value(value) }
        }
        #expect(String(decoding: others.bytes, as: UTF8.self) == "[-9999.0,-9999.0,-9999.0]")
    }

    @Test("commas stand between values and nowhere else")
    func commas() throws {
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("a", 1)
            writer.key("b")
            writer.array { writer in
                writer.array { _ in }
                writer.object { _ in }
                writer.null()
                writer.value(true)
                writer.value("x")
            }
            writer.field("c", nil)
            writer.field("d", false)
        }
        #expect(
            String(decoding: writer.bytes, as: UTF8.self)
                == #"{"a":1,"b":[[],{},null,true,"x"],"c":null,"d":false}"#)
    }
}
