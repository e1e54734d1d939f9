package import EPASArray
package import EPASGraph
package import EPASRuntime

/// The client that all tests of a process share: the CPU plugin's.
package enum TestClient {
    private static let result = Result { try Client(Plugin.load(.cpu)) }

    /// - Throws: What went wrong when the plugin was loaded, to each test that asks.
    package static var shared: Client {
        get throws { try result.get() }
    }
}

/// Compiles the graph of `results` for the CPU and runs it.
///
/// - Parameter inputs: One array per parameter of the graph, in order of creation.
/// - Returns: One array per result.
package func evaluate(_ results: [Tensor], _ inputs: [HostArray] = []) throws -> [HostArray] {
    guard let graph = results.first?.graph else { return [] }
    let program = graph.program(named: "test", returning: results)
    return try TestClient.shared.compile(program).run(inputs)
}
