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
        var printer = Printer(graph: self)
        return printer.module(name, results, donations)
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

/// Writes one program of a graph.
private struct Printer {
    let graph: Graph
    /// The printed name of each value that has one, by node.
    private var names: [Int: [String]] = [:]
    private var text = ""

    init(graph: Graph) {
        self.graph = graph
    }

    mutating func module(
        _ name: String, _ results: [Tensor], _ donations: [Int: Int]
    ) -> String {
        let arguments = argumentNames()
        let signature = zip(graph.parameters, arguments).enumerated().map { index, parameter in
            let (id, argument) = parameter
            names[id] = [argument]
            let alias = donations[index].map { " {tf.aliasing_output = \($0) : i32}" } ?? ""
            return "\(argument): \(graph.nodes[id].shapes[0].text)\(alias)"
        }
        let types = results.map(\.shape.text).joined(separator: ", ")
        let list = signature.map { "\n      \($0)" }.joined(separator: ",")
        text = """
            module @\(Text.quoted(name)) {
              func.func public @main(\(list)) -> (\(types)) {

            """
        var next = 0
        for (id, needed) in needed(by: results).enumerated() where needed {
            write(id, &next)
        }
        let values = results.map { spelling($0.value) }.joined(separator: ", ")
        text += "    \"func.return\"(\(values)) : (\(types)) -> ()\n  }\n}\n"
        return text
    }

    /// For each node, whether the results need it.
    private func needed(by results: [Tensor]) -> [Bool] {
        var needed = [Bool](repeating: false, count: (results.map(\.id).max() ?? -1) + 1)
        for result in results { needed[result.id] = true }
        for id in needed.indices.reversed() where needed[id] {
            for operand in graph.nodes[id].operands { needed[operand.node] = true }
        }
        return needed
    }

    /// The parameters' names as MLIR can spell them, made different where that made them equal.
    private func argumentNames() -> [String] {
        var used = Region.reservedNames
        return graph.parameters.map { id in
            let label = (graph.nodes[id].operation as? Parameter)?.label ?? ""
            var name = ""
            for character in label.unicodeScalars {
                let isPlain =
                    character.isASCII
                    && (character.properties.isAlphabetic
                        || "0123456789._$-".unicodeScalars.contains(character))
                name.unicodeScalars.append(isPlain ? character : "_")
            }
            // Values are named by numbers alone.
            if name.unicodeScalars.first?.properties.isAlphabetic != true { name = "_" + name }
            var unique = name
            var count = 1
            while !used.insert(unique).inserted {
                count += 1
                unique = "\(name)_\(count)"
            }
            return "%" + unique
        }
    }

    private mutating func write(_ id: Int, _ next: inout Int) {
        let node = graph.nodes[id]
        if node.operation is Parameter { return }
        if node.operation is any PassThrough {
            names[id] = [spelling(node.operands[0])]
            return
        }
        let name = "%\(next)"
        next += 1
        if node.shapes.count == 1 {
            names[id] = [name]
            text += "    \(name) = "
        } else {
            names[id] = node.shapes.indices.map { "\(name)#\($0)" }
            text += node.shapes.isEmpty ? "    " : "    \(name):\(node.shapes.count) = "
        }
        let operands = node.operands.map(spelling).joined(separator: ", ")
        text += "\"\(node.operation.name)\"(\(operands))"
        if !node.attributes.isEmpty { text += " <{\(node.attributes)}>" }
        if !node.regions.isEmpty { text += " (\(node.regions))" }
        let inputs = node.operands.map { graph.nodes[$0.node].shapes[$0.result].text }
        let outputs = node.shapes.map(\.text).joined(separator: ", ")
        let output = node.shapes.count == 1 ? outputs : "(\(outputs))"
        text += " : (\(inputs.joined(separator: ", "))) -> \(output)\n"
    }

    private func spelling(_ value: Value) -> String {
        guard let spellings = names[value.node] else {
            fatalError("program: node \(value.node) is used before it is printed.")
        }
        return spellings[value.result]
    }
}
