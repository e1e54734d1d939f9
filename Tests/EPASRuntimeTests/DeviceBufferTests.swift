import EPASArray
import EPASRuntime
import Testing

struct DeviceBufferTests {
    static let dimensions = [
        [], [0], [7], [2, 3, 4], [2, 0, 3], [1, 1, 5, 1], [3, 2, 1, 2, 2, 2],
    ]

    /// Every bit pattern must survive, those of NaNs included; a `bool` is 0 or 1.
    private static func pattern(_ shape: Shape) -> HostArray {
        HostArray(shape) { bytes in
            for index in bytes.indices {
                bytes[index] =
                    shape.elementType == .bool
                    ? UInt8(index % 3 == 0 ? 1 : 0) : UInt8(truncatingIfNeeded: index &* 89 &+ 249)
            }
        }
    }

    private static func bytes(_ array: HostArray) -> [UInt8] {
        array.withUnsafeBytes { Array($0) }
    }

    @Test(arguments: ElementType.allCases, dimensions)
    func `what goes to the device comes back`(type: ElementType, dimensions: [Int]) throws {
        let array = Self.pattern(Shape(type, dimensions))
        let buffer = try Shared.client.get().makeBuffer(array)
        #expect(buffer.shape == array.shape)
        let back = try buffer.hostArray()
        #expect(back.shape == array.shape)
        #expect(Self.bytes(back) == Self.bytes(array))
        #expect(try !buffer.isDeleted())
    }

    private final class Bytes: @unchecked Sendable {
        // @unchecked: used by one test on one thread.
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 4097, alignment: 64)
        deinit { memory.deallocate() }
    }

    @Test func `host memory may change as soon as it was uploaded`() throws {
        let owner = Bytes()
        owner.memory.initializeMemory(as: UInt8.self, repeating: 7)
        // One byte off any alignment, as in a mapped file.
        let slice = UnsafeRawBufferPointer(rebasing: owner.memory[1...])
        let array = HostArray(Shape(.int32, [1024]), borrowing: slice, owner: owner)
        let buffer = try Shared.client.get().makeBuffer(array)
        owner.memory.initializeMemory(as: UInt8.self, repeating: 0)
        #expect(try buffer.hostArray().elements(as: Int32.self).allSatisfy { $0 == 0x0707_0707 })
    }

    @Test func `a buffer lives on the device that was asked for`() throws {
        let client = try Shared.client.get()
        #expect(client.devices.count == 2)
        let program = try client.compile(Programs.sumAndProduct, options: .init(device: 1))
        let buffer = try client.makeBuffer(HostArray([2, 3] as [Float], [2]), on: 1)
        #expect(try floats(buffer.hostArray()) == [2, 3])
        let results = try program.run([
            .init([2, 3] as [Float], [2]), .init([5, 7] as [Float], [2]),
        ])
        #expect(results.map(floats) == [[7, 10], [10, 21]])
    }

    @Test(arguments: [-1, 2]) func `an unknown device is refused`(index: Int) throws {
        let client = try Shared.client.get()
        let error = #expect(throws: RuntimeError.self) {
            _ = try client.makeBuffer(.init(1 as Float), on: index).shape
        }
        let text = "There is no device \(index): the plugin has 2, counted from 0."
        #expect(error?.description == text)
        #expect(throws: RuntimeError.noSuchDevice(index: index, count: 2)) {
            try client.compile(Programs.sumAndProduct, options: .init(device: index))
        }
    }

    @Test func `a transposed result is read row by row`() throws {
        let program = try Shared.client.get().compile(
            """
            module @transpose {
              func.func public @main(%x: tensor<2x3xi32>) -> tensor<3x2xi32> {
                %0 = stablehlo.transpose %x, dims = [1, 0] : (tensor<2x3xi32>) -> tensor<3x2xi32>
                return %0 : tensor<3x2xi32>
              }
            }
            """)
        let result = try program.run([HostArray([1, 2, 3, 4, 5, 6] as [Int32], [2, 3])])[0]
        #expect(result.shape == Shape(.int32, [3, 2]))
        #expect(result.elements(as: Int32.self) == [1, 4, 2, 5, 3, 6])
    }
}
