internal import EPASArray

/// Writes a graph, or what of it some results need, as StableHLO text.
struct Printer {
    private let graph: Graph
    /// What the names of computed values begin with; a number follows.
    private let prefix: String
    /// The printed name of each value that has one, by node.
    private var names: [Int: [String]] = [:]
    private var next = 0
    private var text = ""

    init(graph: Graph, prefix: String) {
        self.graph = graph
        self.prefix = prefix
    }

    /// A module with the function `main`; see ``Graph/program(named:returning:donating:)``.
    mutating func module(
        _ name: String, _ results: [Tensor], _ donations: [Int: Int]
    ) -> String {
        for (id, name) in zip(graph.parameters, parameterNames()) { names[id] = [name] }
        let arguments = arguments().enumerated().map { index, argument in
            let alias = donations[index].map { " {tf.aliasing_output = \($0) : i32}" } ?? ""
            return "\n      \(argument)\(alias)"
        }
        let types = results.map(\.shape.text).joined(separator: ", ")
        text = """
            module @\(Text.quoted(name)) {
              func.func public @main(\(arguments.joined(separator: ","))) -> (\(types)) {

            """
        writeBody(results, ending: "func.return")
        return text + "  }\n}\n"
    }

    /// A region of an operation, with one block whose arguments are the graph's parameters.
    mutating func region(_ results: [Tensor]) -> String {
        for id in graph.parameters { names[id] = [nextName()] }
        text = "{\n    ^bb0(\(arguments().joined(separator: ", "))):\n"
        writeBody(results, ending: "stablehlo.return")
        return text + "    }"
    }

    /// The parameters' names and types.
    private func arguments() -> [String] {
        graph.parameters.map { id in
            "\(spelling(Value(node: id, result: 0))): \(graph.nodes[id].shapes[0].text)"
        }
    }

    private mutating func writeBody(_ results: [Tensor], ending: String) {
        for (id, needed) in graph.nodesNeeded(by: results).enumerated() where needed { write(id) }
        let values = results.map { spelling($0.value) }.joined(separator: ", ")
        let types = results.map(\.shape.text).joined(separator: ", ")
        text += "    \"\(ending)\"(\(values)) : (\(types)) -> ()\n"
    }

    /// The parameters' names as MLIR can spell them, made different where that made them equal.
    private func parameterNames() -> [String] {
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
            // Other values' names begin with a digit or `$`.
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

    private mutating func write(_ id: Int) {
        let node = graph.nodes[id]
        if node.operation is Parameter { return }
        if node.operation is Deferred {
            fatalError("program: a deferred cotangent has no value.")
        }
        if node.operation is any PassThrough {
            names[id] = [spelling(node.operands[0])]
            return
        }
        let name = nextName()
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

    private mutating func nextName() -> String {
        defer { next += 1 }
        return "\(prefix)\(next)"
    }

    private func spelling(_ value: Value) -> String {
        guard let spellings = names[value.node] else {
            fatalError("program: node \(value.node) is used before it is printed.")
        }
        return spellings[value.result]
    }
}
