import EPASArray
import EPASGraph

/// Programs that make the call of a case, or its pullback, and nothing else.
struct CallProgram {
    private let kernelCase: KernelCase
    private let isPullback: Bool
    /// The case's operands; for the pullback, also the results and their cotangents.
    let operands: [KernelOperand]
    private let results: [Shape]

    init(_ kernelCase: KernelCase, isPullback: Bool) {
        self.kernelCase = kernelCase
        self.isPullback = isPullback
        let results = kernelCase.kernel.shapes(of: kernelCase.operands)
        let cotangents = (kernelCase.pullback ?? []).map { results[$0] }
        self.results = results
        operands =
            kernelCase.operands
            + (isPullback ? (results + cotangents).map(KernelOperand.random) : [])
    }

    struct Program {
        let text: String
        let results: [Shape]
        /// Result index to the index, among the needed operands, of the one whose memory it takes.
        let aliases: [Int: Int]
    }

    /// For each operand, whether the program depends on it where these kernels are at hand.
    func needed(_ kernels: Set<String>) -> [Bool] {
        let graph = Graph(kernels: kernels)
        let parameters = operands.enumerated().map { graph.parameter("x\($0.0)", $0.1.shape) }
        return graph.parametersNeeded(by: outputs(parameters))
    }

    /// A program of the needed operands: those that results take the memory of, then the others.
    func program(kernels: Set<String>, needed: [Bool]) -> Program {
        let graph = Graph(kernels: kernels)
        // Operands that are not needed, derivatives apart, are a mistake in the list of cases.
        let aliases = isPullback ? [:] : kernelCase.kernel.aliases
        let donated = aliases.sorted { $0.key < $1.key }.map(\.value)
        var tensors: [Int: Tensor] = [:]
        for index in donated {
            tensors[index] = graph.parameter("x\(index)", operands[index].shape)
        }
        let all = operands.enumerated().map { index, operand in
            if let tensor = tensors[index] { return tensor }
            // Nothing comes of what is not needed.
            return needed[index]
                ? graph.parameter("x\(index)", operand.shape) : graph.constant(0, operand.shape)
        }
        let outputs = outputs(all)
        let places = aliases.keys.sorted().enumerated().map { ($0.offset, $0.element) }
        let text = graph.program(
            named: isPullback ? "pullback" : "call", returning: outputs,
            donating: Dictionary(uniqueKeysWithValues: places))
        let index = aliases.mapValues { operand in needed[..<operand].count { $0 } }
        return Program(text: text, results: outputs.map(\.shape), aliases: index)
    }

    private func outputs(_ tensors: [Tensor]) -> [Tensor] {
        let graph = tensors[0].graph
        let count = kernelCase.operands.count
        let operands = Array(tensors[..<count])
        guard isPullback else { return graph.apply(kernelCase.kernel, operands) }
        var cotangents = [Tensor?](repeating: nil, count: results.count)
        for (index, tensor) in zip(kernelCase.pullback ?? [], tensors[(count + results.count)...]) {
            cotangents[index] = tensor
        }
        let given = Array(tensors[count..<count + results.count])
        return kernelCase.kernel.pullback(cotangents, results: given, operands: operands)
            .compactMap(\.self)
    }
}
