import EPASArray
import Testing

@testable import EPASRuntime

struct ProtobufTests {
    /// Bytes that XLA's own serializer gives for these options.
    @Test(arguments: [
        (CompileOptions(), 0, "1a 04 20 01 28 01"),
        (CompileOptions(device: 1), 1, "1a 0f 20 01 28 01 4a 09 08 01 10 01 1a 03 0a 01 01"),
        (
            CompileOptions(overrides: ["xla_disable_hlo_passes": .text("cse")]), 0,
            """
            1a 04 20 01 28 01 3a 1f 0a 16 78 6c 61 5f 64 69 73 61 62 6c 65 5f 68 6c 6f 5f 70 61 73 \
            73 65 73 12 05 0a 03 63 73 65
            """
        ),
        (
            CompileOptions(overrides: ["b": .flag(true), "a": .integer(-1), "c": .real(1)]), 0,
            """
            1a 04 20 01 28 01 \
            3a 10 0a 01 61 12 0b 18 ff ff ff ff ff ff ff ff ff 01 \
            3a 07 0a 01 62 12 02 10 01 \
            3a 0e 0a 01 63 12 09 21 00 00 00 00 00 00 f0 3f
            """
        ),
    ])
    func `compile options are written as XLA writes them`(
        options: CompileOptions, device: Int, bytes: String
    ) {
        let text = options.serialized(deviceID: device)
            .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        #expect(text.joined(separator: " ") == bytes)
    }

    /// A module with one parameter per shape, in the compiler's form.
    private func module(_ shapes: [(type: Int, dimensions: [Int])]) -> [UInt8] {
        var module = ProtobufWriter()
        module.text(1, "jit_step")
        module.integer(5, 1 << 40)
        module.real(77, 0.5)
        module.message(4) { signature in
            for shape in shapes {
                signature.message(1) { message in
                    message.integer(2, shape.type)
                    if !shape.dimensions.isEmpty { message.integers(3, shape.dimensions) }
                    message.message(5) { $0.integers(1, [1, 0]) }
                }
            }
            signature.message(2) { $0.integer(2, 11) }
        }
        return module.bytes
    }

    private func parameters(_ bytes: [UInt8], _ format: String) -> [Shape]? {
        bytes.withUnsafeBytes { ProgramSignature.parameters(of: $0, format: format) }
    }

    @Test func `parameters are read from the compiler's form`() {
        let bytes = module([(11, [2, 300]), (16, []), (4, [0])])
        let shapes = [Shape(.float32, [2, 300]), Shape(.bfloat16, []), Shape(.int32, [0])]
        #expect(parameters(bytes, "hlo") == shapes)
        var configured = ProtobufWriter()
        configured.text(2, "settings")
        configured.message(1) { message in
            message.message(4) { $0.message(1) { $0.integer(2, 1) } }
        }
        #expect(parameters(configured.bytes, "hlo_with_config") == [Shape(.bool, [])])
    }

    @Test func `a form that we do not know is not guessed at`() {
        #expect(parameters(module([(11, [2])]), "mlir") == nil)
        // A tuple, a complex number, a dimension that no array has.
        #expect(parameters(module([(13, [])]), "hlo") == nil)
        #expect(parameters(module([(15, [2])]), "hlo") == nil)
        #expect(parameters(module([(11, [-1])]), "hlo") == nil)
        #expect(parameters([], "hlo") == nil)
    }

    @Test func `a message that ends early or is noise is survived`() {
        let whole = module([(11, [2, 300]), (16, [])])
        for count in whole.indices { _ = parameters(Array(whole[..<count]), "hlo") }
        var state: UInt64 = 1
        for _ in 0..<2000 {
            var bytes = whole
            for _ in 0..<3 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 20)
            }
            _ = parameters(bytes, "hlo")
            _ = parameters(bytes, "hlo_with_config")
        }
        // The whole message still reads: the loop above did read messages of this kind.
        #expect(parameters(whole, "hlo")?.count == 2)
    }
}
