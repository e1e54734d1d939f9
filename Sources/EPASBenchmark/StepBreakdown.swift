package import EPASRuntime

/// What the time of a training step went into.
///
/// Kernels' times are from the beginning to the end of their calls. What remains is the plugin's own
/// operations, the way between calls, and handing data over.
package struct StepBreakdown: Hashable, Sendable {
    /// By part; together the step's.
    package let seconds: [String: Double]

    /// - Parameters:
    ///   - seconds: The step's.
    ///   - kernels: The calls that were made in it.
    package init(seconds: Double, kernels: KernelTimes) {
        var parts: [String: Double] = [:]
        for (name, time) in kernels.times { parts[Self.part(of: name), default: 0] += time.seconds }
        let sum = kernels.times.values.reduce(0) { $0 + $1.seconds }
        parts["rest"] = seconds - sum
        self.seconds = parts
    }

    /// The part that a kernel belongs to; those that are not named are each a part of its own.
    private static func part(of kernel: String) -> String {
        let name = kernel.hasPrefix("epas.") ? String(kernel.dropFirst(5)) : kernel
        if name.contains("attention") { return "attention" }
        if name.contains("norm") { return "norms" }
        for part in ["swiglu", "embedding"] where name.hasPrefix(part) { return part }
        return switch name {
        case "product": "products"
        case "cross_entropy": "loss"
        case "adamw", "sum_of_squares": "optimizer"
        default: name
        }
    }

    /// The parts for a table: the largest first, the rest last.
    package static func sorted(_ parts: [String: Double]) -> [(name: String, seconds: Double)] {
        parts.map { (name: $0.key, seconds: $0.value) }.sorted {
            ($0.name == "rest" ? 1 : 0, -$0.seconds, $0.name)
                < ($1.name == "rest" ? 1 : 0, -$1.seconds, $1.name)
        }
    }
}
