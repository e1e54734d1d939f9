package import EPASArray
import Foundation

extension ModelConfig {
    /// Returns a parameter's initial value: normal with standard deviation ``initializerRange`` for
    /// matrices, ones for norms, zeros for biases.
    ///
    /// The random stream is named by the seed and the parameter, so a value depends on nothing
    /// else: not on the order of initialization, the sharing plan, or the other parameters.
    package func initialValue(of parameter: ParameterSpecification, seed: UInt64) -> HostArray {
        let count = parameter.elementCount
        switch parameter.role {
        case .norm:
            return HostArray([Float](repeating: 1, count: count), parameter.dimensions)
        case .bias:
            return .zeros(parameter.shape(.float32))
        case .matrix:
            let stream = RandomStream(seed: seed, name: parameter.name)
            let scale = initializerRange
            return HostArray(parameter.shape(.float32)) { bytes in
                let values = bytes.bindMemory(to: Float.self)
                // Blocks in parallel: element i is a function of i alone.
                let base = SendablePointer(values.baseAddress!)
                let block = 1 << 16
                DispatchQueue.concurrentPerform(iterations: (count + block - 1) / block) { index in
                    for i in index * block..<min(count, (index + 1) * block) {
                        base.pointer[i] = Float(scale * stream.normal(at: UInt64(i)))
                    }
                }
            }
        }
    }
}

/// A pointer whose user promises that no two threads touch the same element.
private struct SendablePointer: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<Float>

    init(_ pointer: UnsafeMutablePointer<Float>) { self.pointer = pointer }
}

/// Independent random numbers by index: SplitMix64 (Steele, Lea & Flood, 2014) evaluated at any
/// position of its sequence.
package struct RandomStream: Sendable {
    private let key: UInt64

    /// A stream named by a seed and a text.
    package init(seed: UInt64, name: String) {
        // FNV-1a of the name, then mixed with the seed so that near seeds give unrelated streams.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        key = Self.mix(Self.mix(seed &+ 0x9e37_79b9_7f4a_7c15) ^ hash)
    }

    /// The 64 random bits at a position.
    package func bits(at index: UInt64) -> UInt64 {
        Self.mix(key &+ (index &+ 1) &* 0x9e37_79b9_7f4a_7c15)
    }

    /// A number in [0, 1), from 53 bits.
    package func uniform(at index: UInt64) -> Double {
        Double(bits(at: index) >> 11) * 0x1p-53
    }

    /// A standard normal number (Box & Muller, 1958).
    package func normal(at index: UInt64) -> Double {
        let radius = (-2 * log(1 - uniform(at: 2 &* index))).squareRoot()
        return radius * cos(2 * .pi * uniform(at: 2 &* index &+ 1))
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
