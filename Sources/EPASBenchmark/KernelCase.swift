import EPASArray
import EPASGraph

/// A call of a kernel whose time is to be taken.
package struct KernelCase: Sendable {
    /// What the model computes with it.
    package let label: String
    let kernel: any Kernel
    let operands: [KernelOperand]
    /// Floating-point operations of its products; 0 where bytes are what takes time.
    let flops: Double
    /// The bytes that it must read and write at least; `nil` stands for all operands and results.
    let bytes: Double?
    /// Results whose cotangents arrive in the backward pass; `nil` where that is not timed, or is
    /// a kernel of its own in the list. It has twice as many products.
    let pullback: [Int]?

    init(
        _ label: String, _ kernel: any Kernel, _ operands: [KernelOperand], flops: Int = 0,
        bytes: Int? = nil, pullback: [Int]? = nil
    ) {
        self.label = label
        self.kernel = kernel
        self.operands = operands
        self.flops = Double(flops)
        self.bytes = bytes.map(Double.init)
        self.pullback = pullback
    }

    /// The function's name.
    package var target: String { kernel.target }
}

extension Kernel {
    /// The results' shapes; operands that the kernel refuses are a mistake in the list of cases.
    func shapes(of operands: [KernelOperand]) -> [Shape] {
        do throws(ShapeError) {
            return try resultShapes(operands.map(\.shape))
        } catch {
            fatalError("\(error)")
        }
    }
}
