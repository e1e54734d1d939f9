import EPASArray
import Testing

struct ConversionTests {
    /// Every half, and every bfloat16, as float32: exactly.
    @Test func sixteenBitsWidenExactly() {
        let halves = (0...UInt16.max).map { Float16(bitPattern: $0) }
        let wide = HostArray(halves, [1 << 16]).converted(to: .float32).elements(as: Float.self)
        for (half, value) in zip(halves, wide) {
            // Not a number stays so; a signalling one need not become quiet.
            #expect(half.isNaN ? value.isNaN : value == Float(half), "\(half)")
            #expect(value.sign == half.sign)
        }
        let brains = (0...UInt16.max).map { BFloat16(bitPattern: $0) }
        let floats = HostArray(brains, [256, 256]).converted(to: .float32)
        #expect(
            floats.elements(as: Float.self).map(\.bitPattern)
                == brains.map { Float($0).bitPattern })
        #expect(floats.shape.dimensions == [256, 256])
    }

    /// The values around every step of the narrower types, and the special ones.
    static let values: [Float] =
        [
            0, -0.0, 1, 1.0009765625, 1.00048828125, 1.00146484375, 65504, 65519, 65520, 1e-8, 6e-8,
            .infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude, -3.14159274,
        ] + (0..<4000).map { Float(sin($0)) }

    private static func sin(_ i: Int) -> Double {
        Double((i &* 2_654_435_761) % 1_000_003) / 517.0 - 900
    }

    @Test func narrowingRoundsToNearestEven() {
        let array = HostArray(Self.values, [Self.values.count])
        #expect(
            array.converted(to: .float16).elements(as: Float16.self)
                == Self.values.map { Float16($0) })
        #expect(
            array.converted(to: .bfloat16).elements(as: BFloat16.self)
                == Self.values.map { BFloat16($0) })
        #expect(array.converted(to: .float64).doubles() == Self.values.map { Double($0) })
        let doubles = HostArray(Self.values.map { Double($0) * 1.000000001 }, [Self.values.count])
        #expect(
            doubles.converted(to: .float32).elements(as: Float.self)
                == Self.values.map { Float(Double($0) * 1.000000001) })
        #expect(
            doubles.converted(to: .float16).elements(as: Float16.self)
                == Self.values.map { Float16(Double($0) * 1.000000001) })
    }

    @Test("blocks that cores share meet without a gap", arguments: [0, 1, 262_143, 600_001])
    func large(count: Int) {
        let values = (0..<count).map { BFloat16(Float($0 % 251)) }
        let array = HostArray(values, [count]).converted(to: .float32)
        #expect(array.elements(as: Float.self) == values.map { Float($0) })
    }

    @Test func memoryThatIsNotAlignedConverts() {
        let storage = Storage(
            [0]
                + [Float(1), -2, 3].flatMap { value in
                    withUnsafeBytes(of: BFloat16(value)) { Array($0) }
                })
        let array = HostArray(
            Shape(.bfloat16, [3]),
            borrowing: UnsafeRawBufferPointer(rebasing: storage.bytes[1...]), owner: storage)
        #expect(array.converted(to: .float32).elements(as: Float.self) == [1, -2, 3])
    }

    private final class Storage: @unchecked Sendable {
        // @unchecked: written only here.
        let bytes: UnsafeRawBufferPointer

        init(_ values: [UInt8]) {
            let copy = UnsafeMutableRawBufferPointer.allocate(
                byteCount: values.count, alignment: 16)
            copy.copyBytes(from: values)
            bytes = UnsafeRawBufferPointer(copy)
        }

        deinit { bytes.deallocate() }
    }
}
