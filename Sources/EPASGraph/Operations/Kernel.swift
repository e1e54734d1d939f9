package import EPASArray

/// A computation that a plugin may have its own function for (XLA's foreign function interface).
///
/// The plain form is the definition: it runs where the function is missing, the default derivative
/// is taken from it, and tests compare the function with it.
package protocol Kernel: Sendable {
    /// The name under which the function is registered with the plugin, such as `epas.rms_norm`.
    var target: String { get }

    /// What the function is told beside its operands, by name.
    var settings: [String: KernelSetting] { get }

    /// Result index to the index of the operand, of the same shape, whose memory it is written to.
    var aliases: [Int: Int] { get }

    /// Whether calls must neither be merged with equal ones nor repeated. A program still drops
    /// calls whose results it does not need, and orders them by their operands alone.
    var hasSideEffect: Bool { get }

    /// Infers the results' shapes, or says what the operands must satisfy.
    func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape]

    /// The same results in plain operations.
    func decomposition(_ operands: [Tensor]) -> [Tensor]

    /// Pulls cotangents back to the operands; see ``Operation/pullback(_:results:operands:)``.
    func pullback(
        _ cotangents: [Tensor?], results: [Tensor], operands: [Tensor]
    ) -> [Tensor?]
}

extension Kernel {
    package var settings: [String: KernelSetting] { [:] }
    package var aliases: [Int: Int] { [:] }
    package var hasSideEffect: Bool { false }

    /// The derivative of the plain form, computed from the operands.
    package func pullback(
        _ cotangents: [Tensor?], results: [Tensor], operands: [Tensor]
    ) -> [Tensor?] {
        // Cut off from each other: an operand may depend on another one, and that dependence is
        // not this operation's.
        let operands = operands.map { $0.stopGradient() }
        let outputs = zip(decomposition(operands), cotangents).compactMap { result, cotangent in
            cotangent.map { (result, $0) }
        }
        return gradients(of: outputs, withRespectTo: operands)
    }
}

/// A value in a kernel's settings.
package enum KernelSetting: Hashable, Sendable {
    case bool(Bool)
    case int32(Int32)
    case int64(Int64)
    case float32(Float)
    case float64(Double)
    case string(String)
    case int64s([Int])

    var text: String {
        switch self {
        case .bool(let value): "\(value)"
        case .int32(let value): "\(value) : i32"
        case .int64(let value): "\(value) : i64"
        case .float32(let value): "\(Text.literal(value)) : f32"
        case .float64(let value): "\(Text.literal(value)) : f64"
        case .string(let value): Text.quoted(value)
        case .int64s(let values): Text.array(values)
        }
    }
}

/// The call of a kernel's function, with typed settings (interface version 4) and row-major
/// operands and results. Specification: <https://openxla.org/stablehlo/spec#custom_call>
struct CustomCall: Operation {
    let kernel: any Kernel
    let operands: [Shape]
    let results: [Shape]

    var name: String { "stablehlo.custom_call" }
    var isPure: Bool { !kernel.hasSideEffect }

    var attributes: String {
        let settings = kernel.settings.sorted { $0.key < $1.key }
            .map { "\(Text.quoted($0.key)) = \($0.value.text)" }.joined(separator: ", ")
        let aliases = kernel.aliases.sorted { $0.key < $1.key }.map { result, operand in
            // A single result is no tuple, so that its path is empty.
            "#stablehlo.output_operand_alias<output_tuple_indices = "
                + (results.count == 1 ? "[]" : "[\(result)]")
                + ", operand_index = \(operand), operand_tuple_indices = []>"
        }
        return """
            api_version = 4 : i32, backend_config = {\(settings)}, \
            call_target_name = \(Text.quoted(kernel.target)), \
            has_side_effect = \(kernel.hasSideEffect), \
            operand_layouts = [\(operands.map(Self.rowMajor).joined(separator: ", "))], \
            output_operand_aliases = [\(aliases.joined(separator: ", "))], \
            result_layouts = [\(results.map(Self.rowMajor).joined(separator: ", "))]
            """
    }

    /// Dimensions from the fastest to the slowest.
    private static func rowMajor(_ shape: Shape) -> String {
        let order = shape.rank == 0 ? "" : Text.brackets((0..<shape.rank).reversed())
        return "dense<\(order)> : tensor<\(shape.rank)xindex>"
    }

    func resultShapes(_ operands: [Shape]) throws(ShapeError) -> [Shape] {
        for (result, operand) in kernel.aliases {
            guard results.indices.contains(result), operands.indices.contains(operand),
                results[result] == operands[operand]
            else {
                throw ShapeError(
                    operation: kernel.target, operands: operands,
                    requirement:
                        "result \(result) to have the shape of operand \(operand), whose memory "
                        + "it takes")
            }
        }
        return results
    }

    func pullback(_ cotangents: [Tensor?], results: [Tensor], operands: [Tensor]) -> [Tensor?] {
        kernel.pullback(cotangents, results: results, operands: operands)
    }
}

extension Graph {
    /// Appends a kernel: a call of its function where the graph's plugin has it (see ``kernels``),
    /// its plain form elsewhere.
    package func apply(_ kernel: any Kernel, _ operands: [Tensor]) -> [Tensor] {
        let shapes: [Shape]
        do throws(ShapeError) {
            shapes = try kernel.resultShapes(operands.map(\.shape))
        } catch {
            fatalError("\(error)")
        }
        guard kernels.contains(kernel.target) else {
            let results = kernel.decomposition(operands)
            guard results.map(\.shape) == shapes else {
                fatalError(
                    "\(kernel.target): the plain form has results \(results.map(\.shape)), "
                        + "the kernel \(shapes).")
            }
            return results
        }
        let call = CustomCall(kernel: kernel, operands: operands.map(\.shape), results: shapes)
        return append(call, operands)
    }
}
