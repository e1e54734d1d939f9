internal import CPUKernels
package import EPASArray

/// What the threads that CPU kernels use could do at most, as measured now.
package struct MachineLimits: Hashable, Sendable {
    /// Dot products whose operands and sums stay in registers.
    package let flopsPerSecond: Double
    /// Reading memory that is in no cache.
    package let bytesPerSecond: Double

    package init(flopsPerSecond: Double, bytesPerSecond: Double) {
        self.flopsPerSecond = flopsPerSecond
        self.bytesPerSecond = bytesPerSecond
    }

    /// Measures for a fifth of a second or so.
    ///
    /// - Parameter elementType: The operands of the dot products: bfloat16, else float32. Where
    ///   the processor has no dot products of bfloat16 numbers, they are float32 as in kernels.
    package static func measured(for elementType: ElementType) -> MachineLimits {
        MachineLimits(
            flopsPerSecond: epas_cpu_arithmetic_speed(elementType == .bfloat16 ? 1 : 0, 0.02),
            bytesPerSecond: epas_cpu_reading_speed(256 << 20))
    }

    /// The seconds that work takes at least.
    package func seconds(flops: Double, bytes: Double) -> Double {
        max(flops / flopsPerSecond, bytes / bytesPerSecond)
    }

    /// The larger ones: what others on the machine do only lowers a measurement.
    package func merged(with other: MachineLimits) -> MachineLimits {
        MachineLimits(
            flopsPerSecond: max(flopsPerSecond, other.flopsPerSecond),
            bytesPerSecond: max(bytesPerSecond, other.bytesPerSecond))
    }
}
