package import EPASArray
import EPASModel

/// An operand of a benchmark's call; the array is only made for the call.
package enum KernelOperand: Sendable {
    /// Numbers from -1 to 1, of int8 from -127 to 127.
    case random(Shape)
    case filled(Double, Shape)
    case values(HostArray)

    package var shape: Shape {
        switch self {
        case .random(let shape), .filled(_, let shape): shape
        case .values(let array): array.shape
        }
    }

    func array() -> HostArray {
        switch self {
        case .values(let array): array
        case .filled(let value, let shape): Self.repeating(HostArray([value], [1]), shape)
        case .random(let shape):
            // One block over and over: nothing computes faster for it.
            shape.elementType == .int8
                ? Self.repeating(Self.integers, shape) : Self.repeating(Self.block, shape)
        }
    }

    private static let numbers: [Double] = {
        let stream = RandomStream(seed: 1, name: "benchmark")
        return (0..<1 << 14).map { 2 * stream.uniform(at: $0) - 1 }
    }()
    private static let block = HostArray(numbers, [numbers.count])
    private static let integers = HostArray(
        numbers.map { Int8(($0 * 127).rounded()) }, [numbers.count])

    private static func repeating(_ values: HostArray, _ shape: Shape) -> HostArray {
        let block = values.converted(to: shape.elementType)
        return HostArray(shape) { bytes in
            block.withUnsafeBytes { block in
                for start in stride(from: 0, to: bytes.count, by: block.count) {
                    let count = min(block.count, bytes.count - start)
                    UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + count])
                        .copyMemory(from: UnsafeRawBufferPointer(rebasing: block[..<count]))
                }
            }
        }
    }
}
