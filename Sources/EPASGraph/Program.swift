import EPASArray

extension Graph {
    /// Returns a StableHLO module with one public function, `main`.
    ///
    /// All parameters of the graph are arguments, in order of creation; of the other nodes only
    /// those that the results need are printed. Equal graphs give equal text.
    ///
    /// - Parameters:
    ///   - name: The module's name.
    ///   - results: What `main` returns, in order; at least one.
    ///   - donations: Argument index to result index: the result is written into the argument's
    ///     memory, and the argument cannot be used again. Shapes must be equal.
    package func program(
        named name: String, returning results: [Tensor], donating donations: [Int: Int] = [:]
    ) -> String {
        check(results, donations)
        var printer = Printer(graph: self, prefix: "%")
        return printer.module(name, results, donations)
    }

    /// For each parameter, in order of creation, whether the results depend on it.
    package func parametersNeeded(by results: [Tensor]) -> [Bool] {
        let needed = nodesNeeded(by: results)
        return parameters.map { $0 < needed.count && needed[$0] }
    }

    /// For each node up to the last result, whether the results need it.
    func nodesNeeded(by results: [Tensor]) -> [Bool] {
        var needed = [Bool](repeating: false, count: (results.map(\.id).max() ?? -1) + 1)
        for result in results { needed[result.id] = true }
        for id in needed.indices.reversed() where needed[id] {
            for operand in nodes[id].operands { needed[operand.node] = true }
        }
        return needed
    }

    private func check(_ results: [Tensor], _ donations: [Int: Int]) {
        guard !results.isEmpty else { fatalError("program: there must be at least one result.") }
        for result in results where result.graph !== self {
            fatalError("program: a result (\(result)) belongs to another graph.")
        }
        var takers: [Int: Int] = [:]
        for (argument, result) in donations.sorted(by: { $0.key < $1.key }) {
            guard parameters.indices.contains(argument), results.indices.contains(result) else {
                fatalError(
                    "program: donating argument \(argument) to result \(result), but there are "
                        + "\(parameters.count) arguments and \(results.count) results.")
            }
            let given = nodes[parameters[argument]].shapes[0]
            guard given == results[result].shape else {
                fatalError(
                    "program: donating argument \(argument) of shape \(given) to result \(result) "
                        + "of shape \(results[result].shape).")
            }
            if let other = takers.updateValue(argument, forKey: result) {
                fatalError(
                    "program: arguments \(other) and \(argument) are both donated to result \(result)."
                )
            }
        }
    }
}
