import EPASArray
import EPASGraph
import EPASRuntime
import EPASTesting
import Foundation
import Testing

@Suite("Parts that the reverse sweep computes again")
struct RecomputationTests {
    static let shape = Shape(.float32, [48, 48])

    /// The sum of x and its gradient after some layers of x + tanh(tanh(x w)).
    func gradient(layers: Int, recomputed: Bool) -> (program: String, uses: Int) {
        let graph = Graph()
        var x = graph.parameter("x", Self.shape)
        let w = graph.parameter("w", Self.shape)
        for _ in 0..<layers {
            x = graph.recomputed(from: recomputed ? x : nil) {
                x + tanh(tanh(x.dot(w, contracting: ([1], [0]))))
            }
        }
        let sum = x.sum(over: [0, 1])
        let found = gradients(of: sum, withRespectTo: [w]).compactMap { $0 }
        let text = graph.program(named: "p", returning: found + [sum])
        return (text, text.components(separatedBy: "stablehlo.tanh").count - 1)
    }

    func values(_ program: Executable) throws -> [Float] {
        func matrix(_ seed: Int) -> HostArray {
            HostArray(
                (0..<48 * 48).map { Float(($0 * 7 + seed) % 31 - 15) / 100 }, Self.shape.dimensions)
        }
        return try program.run([matrix(1), matrix(2)])[0].elements(as: Float.self)
    }

    @Test("values are the same, operations are more, memory is less")
    func sameValuesInLessMemory() throws {
        let client = try TestClient.shared
        let (kept, again) = (
            gradient(layers: 12, recomputed: false), gradient(layers: 12, recomputed: true)
        )
        #expect(kept.uses == 24)
        #expect(again.uses == 48)
        let programs = try [kept, again].map { try client.compile($0.program) }
        #expect(try values(programs[0]) == values(programs[1]))
        // Of 12 layers' three values each, one is kept: x; the compiler keeps two of the three
        // where it computes nothing again.
        let memory = try programs.map { try $0.memoryStatistics().temporary }
        #expect(Double(memory[1]) < 0.8 * Double(memory[0]), "\(memory)")
    }

    @Test("what others use of a part is kept")
    func sharedValuesAreKept() throws {
        let graph = Graph()
        let x = graph.parameter("x", .scalar(.float32))
        var shared: Tensor?
        let y = graph.recomputed(from: x) {
            shared = exp(x)
            return tanh(shared!) * x
        }
        let output = y * sin(shared!)
        let found = gradients(of: output, withRespectTo: [x]).compactMap { $0 }
        let text = graph.program(named: "p", returning: found + [output])
        func count(_ name: String) -> Int { text.components(separatedBy: name).count - 1 }
        #expect(count("stablehlo.exponential") == 1)
        #expect(count("stablehlo.tanh") == 2)
        let value = try evaluate(found, [HostArray(Float(0.5))])[0].doubles()[0]
        let plain = Graph()
        let u = plain.parameter("x", .scalar(.float32))
        let direct = gradients(of: tanh(exp(u)) * u * sin(exp(u)), withRespectTo: [u])
        let expected = try evaluate(direct.compactMap { $0 }, [HostArray(Float(0.5))])[0].doubles()
        // The two programs add three terms in the order of their nodes.
        #expect(abs(value - expected[0]) < 1e-6)
    }

    @Test("a source's part sees what users in other parts defer")
    func deferredCotangents() throws {
        for recomputed in [false, true] {
            let graph = Graph()
            let x = graph.parameter("x", .scalar(.float32))
            let y = graph.parameter("y", .scalar(.float32))
            let source = graph.recomputed(from: recomputed ? x : nil) {
                graph.append(DeferringSource(), x, y)
            }
            var sum = y
            for factor in [2.0, 3.0] {
                sum = graph.recomputed(from: recomputed ? sum : nil) {
                    let value = sum * factor
                    return value + graph.append(DeferringUser(), source, value)
                }
            }
            let found = gradients(of: sum, withRespectTo: [x, y]).compactMap { $0 }
            let values = try evaluate(found, [HostArray(Float(2)), HostArray(Float(3))])
            // 6 y (1 + x y)²
            // Its derivatives are 12 y² (1 + x y), and 6 (1 + x y)² + 12 x y (1 + x y).
            #expect(values.map { $0.doubles()[0] } == [756, 798])
        }
    }

    @Test("parts cannot be nested")
    func nested() async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            let graph = Graph()
            let x = graph.parameter("x", .scalar(.float32))
            _ = graph.recomputed(from: x) { graph.recomputed(from: x) { exp(x) } }
        }
        let text = result.map { String(decoding: $0.standardErrorContent, as: UTF8.self) } ?? ""
        #expect(text.contains("Parts of a graph that are computed again cannot be nested."))
    }
}
