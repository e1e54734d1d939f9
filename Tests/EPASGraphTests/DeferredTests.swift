import EPASArray
import EPASGraph
import EPASTesting
import Testing

@Suite struct DeferredTests {
    @Test(arguments: 1...3)
    func `a source sees what each of its users defers`(users: Int) throws {
        let graph = Graph()
        let x = graph.parameter("x", .scalar(.float32))
        let y = graph.parameter("y", .scalar(.float32))
        let source = graph.append(DeferringSource(), x, y)
        // x y + 2 x y + 3 x y
        let all = (1...users).map {
            graph.append(DeferringUser(), source, graph.constant(Double($0), .scalar(.float32)))
        }
        let sum = all.dropFirst().reduce(all[0], +)
        let found = gradients(of: sum, withRespectTo: [x, y]).compactMap { $0 }
        let values = try evaluate(found, [HostArray(Float(5)), HostArray(Float(7))])
        let count = Double(users * (users + 1) / 2)
        #expect(values.map { $0.doubles() } == [[7 * count], [5 * count]])
    }

    @Test func `a program cannot need a deferred cotangent's value`() async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let graph = Graph()
            let x = graph.parameter("x", .scalar(.float32))
            _ = graph.program(named: "p", returning: [x.deferredCotangent(from: [x])])
        }
        let text = result.map { String(decoding: $0.standardErrorContent, as: UTF8.self) } ?? ""
        #expect(text.contains("program: a deferred cotangent has no value."))
    }

    @Test func `it cannot be added to a value`() async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let graph = Graph()
            let x = graph.parameter("x", .scalar(.float32))
            _ = (x.deferredCotangent(from: [x]) + x).deferredContributions
        }
        let text = result.map { String(decoding: $0.standardErrorContent, as: UTF8.self) } ?? ""
        #expect(text.contains("A deferred cotangent was added to parameter float32[]"))
    }
}
